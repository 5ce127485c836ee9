# Every target works alone on a fresh clone: it makes .venv itself, from hashed locks, with uv where that is found.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base-ready
DEV := $(VENV)/.dev-ready
# Test processes side by side: three use two processors better than two do, for many tests wait for something.
N ?= 3
# Where Python may keep nothing of what it compiled, each of some thousand processes of the tests compiles all sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up test test-faults screenshots check bench demo-reset lint types contracts lock clean

help:  ## show this text
	@echo "Countersign: agents propose, people countersign, the log proves it."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo
	@echo "Settings are environment variables; env.example lists them. PYTHON=… picks the interpreter."

up: $(BASE)  ## start everything on this machine; Ctrl-C stops it
	@$(BIN)/python manage.py up

demo-reset: $(BASE)  ## drop the demo's own database and seed it anew
	@$(BIN)/python manage.py demo_reset

test: $(DEV)  ## run all tests, those in a browser included
	@$(BIN)/python -m tests.chromium
	$(BIN)/python -m pytest -n $(N) --dist loadgroup $(ARGS)

test-faults: $(DEV)  ## kill each failpoint twenty times, and break the rest more often (about half an hour)
	FAULTS=full FAULTS_FIGURES=$(abspath var/faults.jsonl) $(BIN)/python -m pytest tests/faults -n $(N) $(ARGS)

screenshots: $(DEV)  ## every page at 1440 and 390, light and dark, into var/screenshots
	@$(BIN)/python -m tests.chromium
	COUNTERSIGN_SHOTS=$(abspath var/screenshots) $(BIN)/python -m pytest -q $(addprefix tests/browser/test_,pages.py standing_in.py covered.py) $(ARGS)

check: lint types contracts test  ## what has to pass before a change is merged

lint: $(DEV)  ## ruff, unused and missing dependencies, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry .
	@if grep -nE '(https?|file)://|^--|index-url|find-links' requirements/*.lock; then \
		echo "A lock file names an address; make it anew with 'make lock'."; exit 1; fi

types: $(DEV)  ## mypy, strict
	$(BIN)/mypy .

contracts: $(DEV)  ## who may import whom; migrations match the models
	$(BIN)/lint-imports --no-cache
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(DEV)  ## measure; prints JSON lines
	@$(BIN)/python -m tests.bench $(ARGS)

lock: $(DEV)  ## make the hashed locks anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml $(LOCKING) -o requirements/base.lock
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements/base.lock $(LOCKING) -o requirements/dev.lock

# No address of a registry in a committed file; one lock for all supported systems and versions.
LOCKING := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

clean:  ## remove .venv and caches; data in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# One stamp each for running and for developing.
$(BASE): requirements/base.lock
	@$(call environment,$<)
	@touch $@

$(DEV): requirements/dev.lock $(BASE)
	@$(call environment,$<)
	@touch $@

define environment
	if [ -z "$(PYTHON)" ]; then echo "Countersign needs Python 3.11 or newer. Install it, or name one: make PYTHON=/path/to/python3.12" >&2; exit 2; fi; \
	if ! $(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then echo "$(PYTHON) does not run or is older than Python 3.11, which Countersign needs. Name another one: make PYTHON=…" >&2; exit 2; fi; \
	if [ ! -x $(BIN)/python ]; then echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: install it (Debian: python3-venv)." >&2; exit 2; }; fi; \
	echo "Installing from $(1)"; \
	if command -v uv >/dev/null 2>&1 && uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) 2>/dev/null; then :; \
	else $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(1); fi
endef
