# make run · make demo · make test · make lint · make bench [ROW=3] · make soak · make screens [INTO=directory]
# Each makes .venv from the lock files first; a second call finds it made.

SHELL := /bin/bash
.DEFAULT_GOAL := run
.DELETE_ON_ERROR:

# 3.11 or 3.12: the first of these that is one
PYTHON ?= $(shell for python in python3.11 python3.12 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$python && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --require-hashes --requirement
WORKERS ?= 2

.PHONY: run demo test lint format bench soak screens lock clean

run: .venv/run
	@exec .venv/bin/relance run

demo: .venv/run
	@exec .venv/bin/relance demo $(DEMO)

test: .venv/dev
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadgroup -m "not soak" --ignore tests/bench $(TESTS)

soak: .venv/dev
	.venv/bin/python -m pytest -m soak --hypothesis-profile default $(TESTS)

lint: .venv/dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

format: .venv/dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: .venv/bench
	.venv/bin/python -m tests.bench $(ROW)

screens: .venv/dev
	.venv/bin/python -m tests.screens $(INTO)

.venv/python:
	@test -n "$(PYTHON)" || { echo "Relance needs Python 3.11 or 3.12: install one, or name it with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python requirements.lock pyproject.toml
	@echo "Installing what Relance needs into .venv (once, about a minute) …"
	@$(INSTALL) requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/run requirements-dev.lock
	@$(INSTALL) requirements-dev.lock
	@touch $@

.venv/bench: .venv/dev requirements-bench.lock
	@$(INSTALL) requirements-bench.lock
	@touch $@

# The locks hold no index URL: pip asks the index that it is configured for.
UV := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock:
	$(UV) pyproject.toml --extra build --output-file requirements.lock
	$(UV) pyproject.toml --extra build --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(UV) pyproject.toml --extra build --extra dev --extra bench --constraint requirements-dev.lock --output-file requirements-bench.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
