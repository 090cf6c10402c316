# What the project needs, `make install` installs into .venv; every other target starts there.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo serve test lint types bench docs clean

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

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: install
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks.engine

docs: install
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) build *.egg-info
