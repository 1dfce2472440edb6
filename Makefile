# Everything a fresh machine needs is Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart test test-all lint install install-test install-dev clean

quickstart: install  ## the offline study: real weak-to-strong effect, no GPU, no network, no account
	$(BIN)/w2s-sweep sweeps/quickstart.yaml

test: install-test  ## the default suite: no Ray, no network, about a minute
	$(BIN)/python -m pytest -n 2

test-all: install-test  ## whole sweeps, Ray, DeepSpeed, an MLflow server, a browser
	$(BIN)/python -m pytest -m "slow or ray or cluster or browser"

lint: install-dev  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/.installed-test $(VENV)/.installed

clean:
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache
