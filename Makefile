# Two commands are all that a new user types: `make demo` and `make test`. Each makes the environment first.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit integration benchmark screenshots beam-jar promtool image kind-up kind-down cluster clean

PYTHON := .venv/bin/python
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lodestar
PROMTOOL := github.com/prometheus/prometheus/cmd/promtool
BEAM := $(abspath $(or $(LODESTAR_HOME),.lodestar))/beam

help:  ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

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
	@$(PYTHON) -m pytest $(PARALLEL) tests/unit tests/contract

integration: setup  ## Real TFX runs, and training under faults
	@$(PYTHON) -m pytest $(PARALLEL) tests/integration
	@$(PYTHON) -m pytest tests/chaos

benchmark:  ## Print the measured tables; downloads ML-100K, or takes it from LODESTAR_DATA_MIRROR
	@bash .ci/setup --group benchmark
	@$(PYTHON) -m tests.benchmarks

screenshots: setup  ## Take the pictures of the web page in docs/images; needs Chromium
	@$(PYTHON) -W ignore -m tests.page_screenshots

beam-jar:  ## Build Beam's job server for Spark (300 MB); needs Java and Maven
	@command -v mvn >/dev/null || \
	  { echo "error: Maven is not installed. Install it, e.g. \`apt-get install maven\`." >&2; exit 2; }
	@mvn --batch-mode --quiet --file pipelines/beam/pom.xml "-Dtarget=$(BEAM)/build" package
	@mv "$(BEAM)/build/spark-job-server.jar" "$(BEAM)/" && rm -rf "$(BEAM)/build"
	@echo "$(BEAM)/spark-job-server.jar"

promtool:  ## Build Prometheus' promtool, which plays the alerts' scenarios in the unit tests; needs Go
	@command -v go >/dev/null || { echo "error: Go is not installed. See https://go.dev/doc/install." >&2; exit 2; }
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && cd "$$work" && go mod init promtool 2>/dev/null && \
	  go get "$(PROMTOOL)@v0.313.5" 2>/dev/null && mkdir -p "$(CACHE)/bin" && \
	  go build -tags remove_all_sd -o "$(CACHE)/bin/promtool" "$(PROMTOOL)"
	@echo "$(CACHE)/bin/promtool"

image:  ## Build the image that steps run in, lodestar/pipelines:dev; needs Docker with BuildKit
	@docker build --tag lodestar/pipelines:dev .

kind-up:  ## A cluster in Docker with Kubeflow Pipelines and the platform; needs docker, kind, kubectl
	@bash manifests/kind/up.sh

kind-down:  ## Remove that cluster
	@bash manifests/kind/down.sh

cluster: setup  ## Tests on the cluster that KUBECONFIG names
	@$(PYTHON) -m pytest tests/cluster

clean:  ## Remove runs, models and fetched data; keeps the environment
	rm -rf .lodestar
