# Every command of this project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := PYTHONPATH=tests:. PYTHONUNBUFFERED=1 $(BIN)/python
CLUSTER ?= dev
LEVEL ?= 3
KUBE_CONTEXT ?=
OPERATOR_IMAGE ?=
WORKER_IMAGE ?=
MANIFEST ?=
ELSEWHERE := $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT) $(if $(OPERATOR_IMAGE),--operator-image $(OPERATOR_IMAGE)) \
    $(if $(WORKER_IMAGE),--worker-image $(WORKER_IMAGE)) $(if $(MANIFEST),--manifest $(MANIFEST)))
PYTEST_ARGS ?=
BENCH_ARGS ?=

##@ The two commands
.PHONY: demo
demo: setup ## A real Kubernetes, the operator by Helm, an LLMWorker, a streamed answer (KUBE_CONTEXT=… uses your cluster)
	@$(RUN) -m demo up $(ELSEWHERE)

.PHONY: test
test: setup $(if $(PYTEST_ARGS),,prepare) ## Every test: units, a real API server, real vLLM, the way end to end
	@$(RUN) -m pytest $(PYTEST_ARGS)

##@ Demo
.PHONY: demo-down
demo-down: setup ## Take the demo down and leave nothing
	@$(RUN) -m demo down $(ELSEWHERE)

##@ Cluster
.PHONY: cluster-up
cluster-up: setup ## Start a real Kubernetes on this machine (CLUSTER=name LEVEL=1|2|3)
	@$(RUN) -m cluster up --name $(CLUSTER) --level $(LEVEL)

.PHONY: cluster-down
cluster-down: setup ## Stop it and leave nothing (CLUSTER=name)
	@$(RUN) -m cluster down --name $(CLUSTER)

.PHONY: cluster-env
cluster-env: ## Print what gives a shell its cluster: eval "$$(make -s cluster-env)"
	@$(RUN) -m cluster env --name $(CLUSTER)

##@ Parts
.PHONY: models
models: setup ## Prepare the two small models
	@$(RUN) -m assets.models

.PHONY: engine
engine: setup ## Install the CPU engine environment
	@$(RUN) -m assets.engine

.PHONY: profiles
profiles: setup ## Record anew what the engine of each profile accepts
	@$(RUN) -m assets.profiles

.PHONY: images
images: setup ## Build the operator image and the worker image of the cpu profile
	@$(RUN) -m assets.images all

.PHONY: prepare
prepare: setup ## Make everything that the tests stand on, with words
	@$(RUN) -m assets.prepare

##@ Figures
.PHONY: bench-worker
bench-worker: setup ## The worker beside vLLM's own server, streaming (BENCH_ARGS="--quick --stream-interval 8 --json FILE")
	@$(RUN) -m bench.worker $(BENCH_ARGS)

.PHONY: bench-operator
bench-operator: setup ## What the control plane costs, with many LLMWorkers (BENCH_ARGS="--quick --count N --json FILE")
	@$(RUN) -m bench.operator $(BENCH_ARGS)

.PHONY: faults
faults: setup ## The operator against faults of their full length: 28 minutes
	@$(RUN) -m pytest -q -s --long tests/operator/test_faults_l1.py

##@ Development
.PHONY: check
check: setup ## Format, lint, types, layers, generated files
	@echo "ruff"; $(BIN)/ruff format --check -q . || { echo "run: make format"; exit 1; }
	$(BIN)/ruff check -q .
	echo "mypy"; $(BIN)/mypy -p llmworker_contract -p llmworker_operator -p llmworker_server -p cluster -p assets -p demo -p bench
	echo "import contracts"; $(BIN)/lint-imports --no-logo > /dev/null || $(BIN)/lint-imports --no-logo
	echo "generated files"; $(RUN) -m llmworker_operator.generate --check

.PHONY: fuzz
fuzz: setup ## The property tests with new random examples each time
	@HYPOTHESIS_PROFILE=fuzz $(RUN) -m pytest -q $$(grep -rl "^@given" tests)

.PHONY: format
format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

.PHONY: generate
generate: setup ## Write the generated files: the CRD, its copy in the chart, the table of variables
	@$(RUN) -m llmworker_operator.generate

.PHONY: test-unit
test-unit: setup ## The tests that need no cluster and no engine
	@$(RUN) -m pytest -m "not l1 and not l2 and not l3 and not engine" $(PYTEST_ARGS)

.PHONY: requirements
requirements: setup ## Pin anew what the environment, the images and the CPU engine are made of
	@compile="$(BIN)/uv pip compile -q --no-annotate --no-header"
	$$compile --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	$$compile --universal --python-version 3.11 --extra operator pyproject.toml -o requirements/operator.txt
	$$compile --universal --python-version 3.10 requirements/build.in -o requirements/build.txt
	$$compile --python-version 3.11 --override requirements/engine-cpu-overrides.txt requirements/engine-cpu.in \
	    -o requirements/engine-cpu.txt

.PHONY: setup
setup: $(VENV)/.installed ## Make the virtual environment

$(VENV)/.installed: requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@echo "installing the virtual environment into $(VENV)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/bootstrap.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps -r requirements/dev.txt
	touch $@

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {gsub(/\$$\$$/, "$$"); printf "  %-14s %s\n", $$1, $$2}' Makefile
