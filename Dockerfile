# CPU image of the service; its steps are those of `make install` without the development tools.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MEMPROBE_HOST=0.0.0.0 MEMPROBE_PORT=8000 MEMPROBE_HOME=/data
WORKDIR /app

# Give an index of CPU wheels here, or torch brings gigabytes of CUDA: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
COPY constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt torch

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY probe probe
COPY server server
RUN pip install --no-cache-dir -c constraints.txt . \
    && useradd --create-home --uid 1000 memprobe \
    && install -d -o memprobe /data

USER 1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["memprobe", "serve"]
