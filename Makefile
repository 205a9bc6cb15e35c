# Everything a developer needs; a plain Python 3.11 to 3.13 and Node.js 20 are enough. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More than the processors of a small machine: the acceptance tests wait most of their time.
WORKERS ?= 3
MARKS ?= acceptance or not acceptance
# Calls of one history that go wrong, beside crashes.
FAULTS ?= 1
SOURCES := function_app.py functions shared cli localdev bench tests

.PHONY: help demo up test soak sim mutants search proof audit lint format bench clean

help: ## Show this help
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

demo: $(READY) ## Drop real files, lose and repeat their events, and show that each ran once
	@$(BIN)/landfall demo

up: $(READY) ## Start everything on this laptop; drop your own files with `landfall drop`
	@$(BIN)/landfall up || [ $$? -eq 130 ]  # Ctrl-C is how it ends

test: $(READY) lint ## Lint, types, unit, Azurite and acceptance tests
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "$(MARKS)"

# What nobody has tried before: the numbers of today. `make soak SOAK_SEED=1` repeats a soak.
SOAK_SEED ?= $(shell date +%s)
soak: $(READY) ## 2,000,000 simulated files, 25,000 random histories, 20,000 files on killed hosts; some hours
	@$(BIN)/python -m tests.simulation --seeds $(SOAK_SEED):20 --arrivals 100000
	@$(BIN)/python -m tests.machine --histories 5000 --seed $(SOAK_SEED)
	@PROCESSES_ARRIVALS=$${PROCESSES_ARRIVALS:-20000} PROCESSES_SEED=$(SOAK_SEED) \
		$(BIN)/python -m pytest -q -s tests/acceptance/test_lost_events.py

mutants: $(READY) ## Weaken the rules of the service one by one, and show that each weakening is noticed
	@$(BIN)/python -m tests.mutants $(MUTANTS)

search: $(READY) ## Search all that three workers can do to one entry by crashes, faults and time
	@$(BIN)/python -m tests.search --weakened --faults $(FAULTS)

SEEDS ?= 1:1000
sim: $(READY) ## Simulate histories of the whole service, one a seed: SEEDS=<first>:<count>
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

proof: $(READY) ## Run every proof and write docs/proof.md anew; about an hour, or PROOFS="search mutants"
	@$(BIN)/python -m tests.proof $(PROOFS)

lint: $(READY) ## Lint, format and types
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/bandit -q -c pyproject.toml -r function_app.py functions shared cli localdev
	@$(BIN)/mypy

audit: $(READY) ## Ask for known vulnerabilities of what Azure installs; needs a connection, and fails without one
	@$(BIN)/pip-audit --strict --progress-spinner off -r requirements.txt || \
		{ echo "Not audited, or vulnerable: read above. A package that cannot be asked about counts as a failure."; exit 1; }

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(READY) ## Measure imports, the Jobs client, dispatch, matching, reconciling and the local workspace
	@$(BIN)/python bench/imports.py
	@$(BIN)/python bench/jobs_client.py
	@$(BIN)/python bench/dispatch.py
	@$(BIN)/python bench/match.py
	@$(BIN)/python bench/listing.py
	@$(BIN)/python bench/reconcile.py
	@$(BIN)/python -m bench.workspace

clean: ## Remove what was installed and what the local stack remembers
	@rm -rf $(VENV) localdev/node_modules .landfall

$(READY): requirements.txt requirements-dev.txt pyproject.toml localdev/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Landfall needs Python 3.11 to 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.13"; exit 1; }
	@echo "Installing into $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m localdev.azurite_package
	@touch $@
