# Payonce. `make` alone lists what there is; `make demo` and `make test` need only Python 3.11+.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The first interpreter that is new enough, or the one that you name: make demo PYTHON=python3.13
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Linters and types read the settings without any server.
OFFLINE := DEBUG=1 SECRET_KEY=only-for-checks

.PHONY: help demo test check format lint types contracts migrations unit mutants drill chaos \
	chaos-layers proof bench sdk hosts stories security states requirements clean reset

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: $(VENV)/.runtime ## Run the whole shop here: database, cache, bank, worker, web. Ctrl-C stops it
	@exec $(BIN)/python manage.py demo

test: $(VENV)/.dev browser check unit mutants drill ## Set up and test everything; what .ci/run calls

check: format-check lint types contracts migrations

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Payonce needs Python 3.11 or later, and none was found on PATH."; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The venv module is missing: install your system's package python3-venv."; exit 1; }

# Stamps hold the list that was installed: only a changed list is installed again.
$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	@cmp -s requirements.txt $@ || cmp -s requirements-dev.txt $(VENV)/.dev || { \
		echo "Installing what requirements.txt names (about a minute, once)"; \
		$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input \
			--require-hashes -r requirements.txt; }
	@cp requirements.txt $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/bin/python
	@cmp -s requirements-dev.txt $@ || { \
		echo "Installing what requirements-dev.txt names (about a minute, once)"; \
		$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input \
			--require-hashes -r requirements-dev.txt; }
	@cp requirements-dev.txt $@

.PHONY: browser format-check
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing Chromium for the browser tests" \
		&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || { \
		echo "The browser tests need Chromium: install your system's package 'chromium'."; exit 1; }

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix-only .

format-check: $(VENV)/.dev
	@echo "The code is formatted"; $(BIN)/ruff format --quiet --check .

lint: $(VENV)/.dev ## Look for mistakes in style and habit
	@echo "The linter finds nothing"; $(BIN)/ruff check --quiet .
	@echo "The templates are well formed"; $(BIN)/djlint --lint --check --quiet templates >/dev/null \
		|| { $(BIN)/djlint --lint --check templates; exit 1; }

types: $(VENV)/.dev ## Check the types
	@echo "The types fit"; $(OFFLINE) $(BIN)/mypy --no-error-summary

contracts: $(VENV)/.dev ## Check who may import whom
	@echo "Nobody imports what they may not"; $(BIN)/lint-imports --no-cache >$(VENV)/contracts.log || { cat $(VENV)/contracts.log; exit 1; }

migrations: $(VENV)/.dev ## Check that the models and the migrations agree
	@echo "Models and migrations agree, and Django's own check passes"
	@$(BIN)/python -m shop.embedded run --name test --quick -- \
		env $(OFFLINE) $(BIN)/python manage.py makemigrations --check --dry-run
	@$(OFFLINE) $(BIN)/python manage.py check --fail-level WARNING >/dev/null

unit: $(VENV)/.dev browser ## Run the tests alone
	@echo "The tests pass, and none is skipped"
	@$(BIN)/python -m shop.embedded run --name test --quick -- \
		env $(OFFLINE) $(BIN)/python -m pytest -q -n $(or $(TEST_PROCESSES),3) --dist worksteal $(TESTS)

mutants: $(VENV)/.dev ## Take each guard of the money out of the code and see a test fail
	@echo "Each guard of the money has a test that fails without it"
	@$(BIN)/python -m shop.embedded run --name mutants --quick -- \
		env $(OFFLINE) $(BIN)/python -m tests.mutants $(MUTANTS)

stories: $(VENV)/.dev ## Tell 10,000 random stories of 50 steps to the real services (about an hour)
	@STORIES=$(or $(STORIES),10000) STEPS=$(or $(STEPS),50) $(BIN)/python -m shop.embedded run \
		--name stories --quick -- env $(OFFLINE) $(BIN)/python -m pytest -q -n $(or $(TEST_PROCESSES),2) \
		--dist worksteal tests/stateful

# Some minutes: more than 2,000 made-up requests, where `make test` sends some 500.
security: $(VENV)/.dev ## Attack the API with thousands of made-up requests; SEED=… for others
	@echo "Thousands of requests made up from the OpenAPI description get its answers"
	@$(BIN)/python -m shop.embedded run --name test --quick -- env $(OFFLINE) \
		OPENAPI_EXAMPLES=250 OPENAPI_CASES_MIN=2000 OPENAPI_SEED=$(or $(SEED),1) \
		$(BIN)/python -m pytest -q -s -p no:randomly tests/security/test_openapi.py

# With SIZES the results of a whole run in bench/results.json stay as they are.
bench: $(VENV)/.dev ## Measure the shop against what PostgreSQL itself can do. SIZES=1000 for a quick look
	@$(BIN)/python -m bench $(if $(SIZES),--sizes $(SIZES) --out $(or $(OUT),.data/bench.json)) $(BENCH)

sdk: $(VENV)/.dev ## Let the gateways' own clients judge the simulators; NAMES="stripe wechat" for some
	@$(BIN)/python -m scripts.sdk_check $(NAMES)

hosts: $(VENV)/.dev ## Sell on several hosts, cut some off, lose the database's primary (root, Linux)
	@exec $(BIN)/python -m scripts.hosts --orders $(or $(ORDERS),300) --seed $(or $(SEED),1)

chaos: $(VENV)/.runtime ## Break a whole running shop, then ask the bank: ORDERS=2000 SEED=1 CHAOS=--failover=async
	@exec $(BIN)/python manage.py chaos --orders $(or $(ORDERS),2000) --seed $(or $(SEED),1) $(CHAOS)

drill: $(VENV)/.runtime ## A short drill, as make test runs it
	@echo "A short drill ends with zeros"
	@$(BIN)/python manage.py chaos --orders 150 --seed 1 --report $(VENV)/drill.html >$(VENV)/drill.log \
		|| { cat $(VENV)/drill.log; exit 1; }
	@tail -1 $(VENV)/drill.log

chaos-layers: $(VENV)/.runtime ## The same, each time with one layer less
	@exec $(BIN)/python manage.py chaos --layers --orders $(or $(ORDERS),150) --seed $(or $(SEED),1) $(CHAOS)

proof: $(VENV)/.runtime ## Write docs/proof.md anew from the result file
	@$(BIN)/python -m chaos.proof_page

states: $(VENV)/.dev ## Draw docs/payment-states.md anew from the code
	@$(OFFLINE) $(BIN)/python manage.py states > docs/payment-states.md

requirements: ## Compile the hashed requirement files anew (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet \
		--extra embedded --extra simulator --extra push pyproject.toml -o requirements.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet \
		--extra embedded --extra simulator --extra push --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## Remove the virtual environment and caches; the demo's data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

reset: ## Delete the demo's data for good, orders and secrets included
	@test ! -L .data || rm -rf "$$(readlink -f .data)"
	rm -rf .data
