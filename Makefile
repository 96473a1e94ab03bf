# The one way to run things. Needs python3 (3.11 or later) with venv, and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check -qq
SOURCES := gateway ports tests benchmarks

.PHONY: demo test check bench clean

demo: .venv/.demo
	@$(BIN)/outport serve --demo

test: .venv/.dev
	@$(BIN)/pytest

check: .venv/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

bench: .venv/.dev
	@$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .outport

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "outport needs Python 3.11 or later")'
	@$(PYTHON) -m venv .venv

# A stamp per extra: the install is repeated only when what it reads has changed.
.venv/.%: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (once)"
	@$(PIP) install --constraint constraints.txt --editable '.[$(if $(filter dev,$*),demo$(comma)dev,$*)]'
	@touch $@

comma := ,
