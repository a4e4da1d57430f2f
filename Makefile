PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
COMPARED := .venv/.compared

.PHONY: help demo test test-browser test-faults check chaos bench screenshots clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## a clinic's day against the built-in sandbox; prints address and login
	$(BIN)/antar demo

check: $(READY)  ## style, types, configuration
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/antar check

test: check  ## everything that must hold, from style to delivery; what starts processes of its own comes last
	$(BIN)/pytest --numprocesses auto --dist loadgroup --ignore tests/browser --ignore tests/chaos
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-browser test-faults

test-browser: $(READY)
	$(BIN)/pytest tests/browser

test-faults: $(READY)
	$(BIN)/pytest tests/chaos

chaos: $(READY)  ## every fault of the matrix, with its figures; writes docs/faults.md
	ANTAR_CHAOS=all ANTAR_CHAOS_REPORT=docs/faults.md $(BIN)/pytest -o timeout=1800 tests/chaos

$(COMPARED): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

bench: $(COMPARED)  ## measure; each row as a ratio taken in the same run
	$(BIN)/python -m bench

screenshots: $(COMPARED)  ## the main pages of the demo, into docs/screenshots
	$(BIN)/python -m bench.screenshots

clean:  ## forget the environment and the demo's data
	rm -rf .venv var
