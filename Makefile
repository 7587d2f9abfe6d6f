# The commands of the project; `make` alone lists them.

PYTHON ?= $(shell .ci/python)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
SECONDS ?= 60
DIST ?= dist
FUZZ_TARGETS := $(patsubst fuzz/%.py,%,$(wildcard fuzz/fuzz_*.py))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-long lint fuzz bench docs deb clean packages

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## try it: serve a demonstration (needs no LDAP, no Postfix, no root)
	@$(BIN)/colocroute serve --demo

test: packages lint ## all checks: linters, types, tests (as root on Debian; installs what is missing)
	@$(BIN)/pytest -q -n 2 -m "not long"

test-long: packages $(VENV)/.test ## the tests that take minutes
	@$(BIN)/pytest -q -n 2 -m long

lint: $(VENV)/.test ## linter, format and types only
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

fuzz: $(VENV)/.fuzz ## fuzz every target for SECONDS (60) each
	@for target in $(FUZZ_TARGETS); do \
		echo "== $$target"; \
		$(BIN)/python -m fuzz.$$target -max_total_time=$(SECONDS) || exit 1; \
	done

bench: packages $(VENV)/.bench ## measure speed beside floors and peers for a quarter of an hour; writes docs/performance.md
	@$(BIN)/python -m tests.load --markdown docs/performance.md

docs: $(VENV)/.run ## write what is generated: docs/configuration.md and docs/man
	@$(BIN)/python -m colocroute.config.reference > docs/configuration.md.new
	@mv docs/configuration.md.new docs/configuration.md
	@$(BIN)/python -m colocroute.cli.manual docs/man

deb: ## build the Debian package in dist/, for the Python of this Debian
	@.ci/install-packages python3 python3-venv
	@.ci/deb/bundle $(DIST)/bundle
	@.ci/deb/pack $(DIST)/bundle $(DIST)

clean: ## remove the virtual environment and everything generated
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis fuzz/corpus
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@.ci/install-packages $$(grep --invert-match '^#' .ci/packages)

$(BIN)/python:
	@python="$(PYTHON)"; test -n "$$python" || exit 1; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || .ci/install-packages python3-venv || exit 1; \
	"$$python" -m venv $(VENV)

# Installed in place: a change of the source needs no new installation, one of the dependencies does.
$(VENV)/.run: $(BIN)/python pyproject.toml
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	@$(PIP) install --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.test
	@$(PIP) install --editable '.[test,bench]'
	@touch $@

$(VENV)/.fuzz: $(VENV)/.test
	@$(PIP) install --editable '.[test,fuzz]'
	@touch $@
