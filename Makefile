# Two commands set everything up on a fresh machine: `make demo` and `make test`. Each makes .venv if it is missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SAMPLE := runs/sample

.PHONY: help install demo test test-cluster check

help:
	@echo "make demo          install, weave sample data, search on it with a local Ray and an SQLite MLflow"
	@echo "make test          install and run the tests"
	@echo "make test-cluster  the tests of hosts, buckets, jobs and killed nodes"
	@echo "make check         ruff, mypy and import-linter"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "silktune needs Python 3.11 or newer; use make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

demo: install
	$(BIN)/silktune data sample $(SAMPLE) --images 600
	$(BIN)/silktune search quick --data $(SAMPLE)/labels.csv --trials 20 --concurrent 2

test: install
	$(BIN)/python -m pytest -m "not cluster" -n auto --maxprocesses 4 --no-loadscope-reorder --durations=20

test-cluster: install
	$(BIN)/python -m pytest -m cluster --durations=10

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
