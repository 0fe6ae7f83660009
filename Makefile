# Phone Manager: every chore in one place. "make help" lists them; ARGS='…' is passed on where it makes sense.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
ARGS ?=
export NAME ?=
export V ?=

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- running -----------------------------------------------------------------------------------------------------------

.PHONY: run stop clean
run: ## prepare this machine, start a private PostgreSQL, deploy, serve on port 8080 (PM__SERVER__PORT=…)
	@exec scripts/run

stop: ## stop what "make run" started
	@scripts/stop

clean: ## stop, then delete the private database, the keys and the environment
	@scripts/clean

.PHONY: up
up: ## start database, API, Prometheus and Grafana in containers (docker compose down ends them)
	@scripts/up $(ARGS)

# --- testing -----------------------------------------------------------------------------------------------------------

.PHONY: test test-sql test-py test-faults test-tests lint format
test: ## all tests but the long ones, in a throw-away PostgreSQL
	@scripts/test all

test-sql: ## pgTAP only: make test-sql ARGS='sql/tests/a.sql'
	@scripts/test sql $(ARGS)

test-py: ## Python only: make test-py ARGS='-k register'
	@scripts/test py $(ARGS)

test-faults: ## the long tests: crashes, overload, races, fuzzing: make test-faults ARGS='-k crash'
	@scripts/test faults $(ARGS)

test-tests: ## break the product in ways that the tests must notice (minutes): make test-tests ARGS='lock'
	@scripts/try-tests $(ARGS)

lint: ## check style and types of Python, and of shell scripts where shellcheck is installed
	@scripts/lint

format: ## format Python
	@scripts/prepare tools
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format .

# --- showing and measuring ---------------------------------------------------------------------------------------------

.PHONY: demo bench load
demo: ## replay recorded tracks as phones against a running server: make demo ARGS='--help'
	@scripts/prepare tools
	@scripts/replay $(ARGS)

bench: ## measure the service against the limits of this machine: make bench ARGS='--help'
	@bench/run $(ARGS)

load: ## load it as users do, at a scale: make load SCENARIO=baseline|stress|spike SCALE=0.5 (BASE_URL=… of a running one)
	@bench/load-test

# --- operating ---------------------------------------------------------------------------------------------------------

.PHONY: psql key restore-drill
psql: ## an operator's session (try: select * from admin.help())
	@scripts/psql $(ARGS)

key: ## make an API key: make key NAME='my phone' [ADMIN=1]
	@scripts/key "$$NAME" $(if $(ADMIN),--admin)

restore-drill: ## lose a database under load and restore it, to a moment and from a dump; tells RTO and RPO: make restore-drill POINTS=1000000
	@PM_TEST_WORKERS=0 PM_DRILL_POINTS=$(or $(POINTS),100000) scripts/test faults tests/faults/test_restore_drill.py -s

# --- releasing ---------------------------------------------------------------------------------------------------------

.PHONY: release
release: ## freeze the migrations, name the version, check, commit and tag: make release V=1.2.0
	@scripts/release "$$V"
