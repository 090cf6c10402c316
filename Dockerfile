# Images of a target's server (--target vllm) and of the service on a CPU, which is the default.

# vLLM with memprobe beside it, so that it gives all statistics of a text's tokens.
FROM vllm/vllm-openai:v0.32.0 AS vllm
WORKDIR /memprobe
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY probe probe
COPY server server
RUN python3 -m pip install --no-cache-dir .
ENV MEMPROBE_VLLM_STATISTICS=1

# The service; its steps are those of `make install` without the development tools.
FROM python:3.11-slim AS service

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MEMPROBE_HOST=0.0.0.0 MEMPROBE_PORT=8000 MEMPROBE_HOME=/data \
    MEMPROBE_LOG_FORMAT=json HF_HOME=/data/hub
WORKDIR /app

# Give an index of CPU wheels here, or torch brings gigabytes of CUDA: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
COPY constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt torch

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY probe probe
COPY server server
RUN pip install --no-cache-dir -c constraints.txt '.[postgres]' \
    && useradd --create-home --uid 1000 memprobe \
    && install -d -o memprobe -m 700 /data

USER 1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["memprobe", "serve"]
