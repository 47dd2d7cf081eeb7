# Everything a person does with a checkout. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
RUN := .venv/bin/python

help:  ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: env  ## train a real model on real text and generate from it (about a minute once installed)
	$(RUN) -m cli demo $(ARGS)

up: env  ## start everything on this machine; Ctrl-C stops it
	$(RUN) -m cli up $(ARGS)

env:  ## make .venv with what running needs
	@$(PYTHON) .ci/environment.py run

env-dev:
	@$(PYTHON) .ci/environment.py dev

lint: env-dev  ## style, types, import contracts
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	.venv/bin/lint-imports
	$(RUN) -m pyright

test: lint  ## lint, then the default test suite
	@$(PYTHON) .ci/environment.py chromium
	$(RUN) -m pytest --numprocesses $${TEST_PROCESSES:-2} --dist loadfile $(ARGS)

faults: env-dev  ## kill, stop, cut and fill things for an hour; FAULTS_SECONDS=600 for less
	$(RUN) -m pytest tests/contract/test_recipes.py -m long --timeout 3600 $(ARGS)
	$(RUN) -m pytest tests/faults -m "long or not long" --timeout 7200 $(ARGS)

attacks: env-dev  ## hostile input, and every extreme of every recipe, for some minutes; ATTACK_EXAMPLES=1000 for more
	ATTACK_EXAMPLES=$${ATTACK_EXAMPLES:-300} EXTREMES=all $(RUN) -m pytest tests/attacks tests/contract/test_extremes.py --timeout 3600 $(ARGS)

audit: env-dev  ## does a locked package have a known vulnerability? asks PyPI
	@$(PYTHON) .ci/environment.py audit

browser: env-dev  ## the browser tests alone
	@$(PYTHON) .ci/environment.py chromium
	$(RUN) -m pytest tests/browser $(ARGS)

bench: env-dev  ## list the benchmarks; each one is run by hand and prints its figures
	@for file in benchmarks/[a-z]*.py; do printf '  %s -m benchmarks.%s\n' "$(RUN)" "$$(basename $$file .py)"; done

requirements: env-dev  ## export uv.lock for plain pip and the images
	@$(PYTHON) .ci/environment.py export

.PHONY: help demo up env env-dev lint test faults attacks audit browser bench requirements
