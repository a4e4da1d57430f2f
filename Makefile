PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
INSTALLED := .venv/.installed
SOURCES := .venv/.sources
READY := .venv/.ready
COMPARED := .venv/.compared

.PHONY: help demo demo-his test test-units test-processes test-browser test-faults check chaos bench screenshots clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# What was made here is removed again if it cannot be completed; an environment that was there before stays.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Antar needs Python 3.11 or newer, and '$(PYTHON)' is none. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	@echo "Antar is being installed into .venv; this takes a minute or two ..."
	@test -d .venv && had=yes; $(PYTHON) -m venv .venv && $(PIP) --editable . && touch $@ || { \
	  test -n "$$had" || rm -rf .venv; exit 1; }

$(SOURCES): $(INSTALLED)
	$(PIP) --editable '.[sources]'
	@touch $@

$(READY): $(INSTALLED)
	$(PIP) --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## a clinic's day against the built-in sandbox; prints address and login
	$(BIN)/antar demo

demo-his: $(SOURCES)  ## the same with a small clinic's own database, which is read; on MariaDB if one answers
	$(BIN)/antar demo-his mlite

check: $(READY)  ## style, types, configuration
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/antar check

test: check  ## everything that must hold, from style to delivery
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-units test-processes

test-units: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadgroup --ignore tests/browser --ignore tests/chaos

# These wait for processes, leases and pages most of their time, while the units use the cores.
test-processes:
	$(MAKE) --no-print-directory test-faults test-browser

test-browser: $(READY)
	$(BIN)/pytest tests/browser

test-faults: $(READY)
	$(BIN)/pytest tests/chaos

chaos: $(READY)  ## every fault of the matrix, with its figures; writes docs/faults.md
	ANTAR_CHAOS=all ANTAR_CHAOS_REPORT=docs/faults.md $(BIN)/pytest -o timeout=1800 tests/chaos

$(COMPARED): $(READY)
	$(PIP) --editable '.[bench]'
	@touch $@

bench: $(COMPARED)  ## measure; each row as a ratio taken in the same run
	$(BIN)/python -m bench

screenshots: $(COMPARED)  ## the main pages of the demo, the use cases' days and the way to the first visit, into docs/screenshots
	$(BIN)/python -m bench.screenshots
	$(BIN)/python -m bench.use_case_screenshots
	$(BIN)/python -m bench.first_visit_screenshots

clean:  ## forget the environment and the demo's data
	rm -rf .venv var
