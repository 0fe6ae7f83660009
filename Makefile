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
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- running -----------------------------------------------------------------------------------------------------------

.PHONY: run stop clean
run: ## prepare this machine, start a private PostgreSQL, deploy, serve on port 8080 (PM__SERVER__PORT=…)
	@exec scripts/run

stop: ## stop what "make run" started
	@scripts/stop

clean: ## stop, then delete the private database, the keys and the environment
	@scripts/clean

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

.PHONY: demo bench
demo: ## replay recorded tracks as phones against a running server: make demo ARGS='--help'
	@scripts/prepare tools
	@scripts/replay $(ARGS)

bench: ## measure the service against the limits of this machine: make bench ARGS='--help'
	@bench/run $(ARGS)

# --- operating ---------------------------------------------------------------------------------------------------------

.PHONY: psql key
psql: ## an operator's session (try: select * from admin.help())
	@scripts/psql $(ARGS)

key: ## make an API key: make key NAME='my phone' [ADMIN=1]
	@scripts/key "$$NAME" $(if $(ADMIN),--admin)

# --- releasing ---------------------------------------------------------------------------------------------------------

.PHONY: release
release: ## freeze the migrations, name the version, check, commit and tag: make release V=1.2.0
	@scripts/release "$$V"
