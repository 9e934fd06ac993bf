# Two commands are all that a new user types: `make demo` and `make test`. Each makes the environment first.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit integration benchmark clean

PYTHON := .venv/bin/python

help:  ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup:  ## Make the environment in .venv (uv, Python 3.10, uv.lock)
	@bash .ci/setup

demo: setup  ## Two families from raw data to a served model that answers
	@$(PYTHON) -m pipelines.demo

test: lint unit integration  ## All checks and tests that need no cluster

lint: setup  ## Style, types, import rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

unit: setup  ## Fast tests, real HTTP and gRPC included
	@$(PYTHON) -m pytest tests/unit tests/contract

integration: setup  ## Real TFX runs
	@$(PYTHON) -m pytest tests/integration

benchmark:  ## Print the measured tables; downloads ML-100K, or takes it from LODESTAR_DATA_MIRROR
	@bash .ci/setup --group benchmark
	@$(PYTHON) -m tests.benchmarks

clean:  ## Remove runs, models and fetched data; keeps the environment
	rm -rf .lodestar
