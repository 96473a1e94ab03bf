# The one way to run things. Needs python3 (3.11 or later) with venv, and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check -qq
SOURCES := gateway ports tests benchmarks

.PHONY: demo supply-day test fuzz fuzz-searches fuzz-guards test-clients check bench clean

demo: .venv/.demo
	@$(BIN)/outport serve --demo

test: .venv/.dev
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# Hours, not minutes: for the night; -j 2 runs both at once. What they last found stands in tests/FUZZ.md.
fuzz: fuzz-searches fuzz-guards

fuzz-searches: .venv/.dev
	@FUZZ=$(or $(FUZZ),100) $(BIN)/pytest --timeout=7200 tests/gateway/test_claim_sets.py \
		tests/ports/command/test_security.py tests/ports/flight/test_malformed.py tests/ports/postgres/test_fuzz.py \
		tests/gateway/test_generated_sql.py tests/gateway/test_leaks.py

fuzz-guards: .venv/.dev
	@$(BIN)/python -m tests.mutants

test-clients: .venv/.dev .venv-clients/.installed .venv-superset/.installed .venv-dbt/.installed
	@tests/clients/debian.sh
	@$(BIN)/pytest tests/clients

check: .venv/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

bench: .venv/.dev
	@$(BIN)/python -m benchmarks

# The notebook of products/revenue on a demo of its own: its outputs, and the picture in its README.
picture: .venv/.dev
	@$(BIN)/python -m tests.notebook

# The hub of a demo of its own in a browser: the pictures of README.md. Needs what test-clients installs.
pictures: .venv/.dev .venv-clients/.installed
	@tests/clients/debian.sh
	@$(BIN)/python -m tests.clients.test_hub

# The table of measures at every door, in ports/README.md.
parity: .venv/.dev
	@$(BIN)/python -m tests.parity

# A day of the supply chain by a clock of its own: a source goes stale, somebody is told, it is mended.
supply-day: .venv/.dev
	@$(BIN)/python -m tests.supply_day

clean:
	rm -rf .venv .venv-clients .venv-superset .venv-dbt .outport

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "outport needs Python 3.11 or later")'
	@$(PYTHON) -m venv .venv

# A stamp per extra: the install is repeated only when what it reads has changed.
.venv/.%: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (once)"
	@$(PIP) install --constraint constraints.txt --editable '.[$(if $(filter dev,$*),demo$(comma)dev,$*)]'
	@touch $@

comma := ,

# Clients for tests/clients, Python's and JavaScript's in one folder that git ignores.
.venv-clients/.installed: $(addprefix tests/clients/,requirements.txt package.json package-lock.json) | .venv/bin/python
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "make test-clients needs node (20 or later) and npm"; exit 1; }
	@node -e 'process.exitCode = +(parseInt(process.versions.node) < 20)' || { echo "make test-clients needs node 20 or later"; exit 1; }
	@echo "installing clients into .venv-clients (once)"
	@$(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/pip --disable-pip-version-check -qq install --requirement tests/clients/requirements.txt
	@cp tests/clients/package.json tests/clients/package-lock.json .venv-clients/
	@npm ci --prefix .venv-clients --no-audit --no-fund --loglevel=error
	@touch $@

# Superset and dbt want other versions of nearly everything.
.venv-superset/.installed .venv-dbt/.installed: .venv-%/.installed: tests/clients/%/requirements.txt | .venv/bin/python
	@echo "installing $* into .venv-$* (once)"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/pip --disable-pip-version-check -qq install --requirement $<
	@touch $@
