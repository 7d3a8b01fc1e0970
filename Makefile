# Watchkeeper: `make demo` runs the whole loop on this machine, `make test` runs the tests, `make help` lists the rest.
# Each target prepares what it needs first: a virtual environment, the pinned packages, the CDK command line, the layers.

SHELL := /bin/sh
ENV := .venv
PY := $(ENV)/bin/python
export PATH := $(CURDIR)/$(ENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := true
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := true
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := true
export CDK_DISABLE_CLI_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast synth check bench format lock layers schema machines clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# On your own data: DATA=file LABEL=column, and TRAFFIC=file or IN_ORDER=1, SENSITIVE="sex=Male race" FAVOURABLE=value,
# LABEL_DELAY=hours, REPORT=file. `python -m cli demo --help` says what they mean.
demo: $(ENV)/.ready ## run the whole loop here, no AWS account needed (DATA=file LABEL=column for your own data)
	$(PY) -m cli demo $(if $(DATA),--data "$(DATA)") $(if $(LABEL),--label "$(LABEL)") \
	    $(if $(TRAFFIC),--traffic "$(TRAFFIC)") $(if $(IN_ORDER),--in-order) \
	    $(foreach each,$(SENSITIVE),--sensitive "$(each)") $(if $(FAVOURABLE),--favourable "$(FAVOURABLE)") \
	    $(if $(LABEL_DELAY),--label-delay "$(LABEL_DELAY)") $(if $(REPORT),--report "$(REPORT)")

# The embedded AWS changes moto for its whole process, so its tests have processes of their own.
test: $(ENV)/.ready ## run all tests, end to end included
	$(PY) -m pytest tests/unit tests/infra tests/glue -n 2 --dist loadfile
	$(PY) -m pytest tests/localcloud -n 2 --dist loadfile
	$(PY) -m pytest tests/e2e

test-fast: $(ENV)/.ready ## run the tests that take seconds
	$(PY) -m pytest tests/unit -n 2 --dist loadfile

synth: $(ENV)/.ready ## write the CloudFormation templates of models/*.yaml to cdk.out/ (offline, no credentials)
	cdk synth --quiet --no-notices --output cdk.out

check: $(ENV)/.ready ## format, lint, types, layer rules, template checks
	ruff format --check .
	ruff check .
	mypy
	PYTHONPATH=. lint-imports
	$(PY) scripts/check_templates.py

bench: $(ENV)/.ready ## measure the stack (5 minutes) and speed beside the peers (about 40, peers installed at first)
	$(PY) -m benchmarks stack speed

format: $(ENV)/.ready ## format the code and mend what the linter can
	ruff format .
	ruff check --fix .

lock: $(ENV)/.ready ## resolve requirements.txt anew from pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --group dev pyproject.toml \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.txt

layers: $(ENV)/.tools ## build the Lambda layers, without Docker
	$(PY) scripts/build_layers.py

schema: $(ENV)/.ready ## write models/schema.json, which editors use to check models/*.yaml
	$(PY) -m cli schema > models/schema.json

machines: $(ENV)/.ready ## draw the state machines into docs/machines.md
	$(PY) scripts/draw_machines.py

clean: ## remove everything that was made here
	rm -rf $(ENV) node_modules build cdk.out .localcloud

$(ENV)/bin/uv: requirements.txt
	@python="$$(sh scripts/find-python)" && echo "preparing $(ENV) with $$python" && "$$python" -m venv $(ENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements.txt)"
	@touch $@

$(ENV)/.packages: $(ENV)/bin/uv requirements.txt pyproject.toml
	@echo "installing the pinned packages (a minute or two the first time)"
	@uv pip install --quiet --python $(PY) --requirement requirements.txt
	@uv pip install --quiet --python $(PY) --no-deps --editable .
	@touch $@

$(ENV)/.tools: $(ENV)/.packages requirements-host.txt package-lock.json
	@$(PY) scripts/host_tools.py
	@npm ci --silent --no-fund --no-audit
	@touch $@

$(ENV)/.ready: $(ENV)/.tools scripts/build_layers.py
	@$(PY) scripts/build_layers.py
	@touch $@
