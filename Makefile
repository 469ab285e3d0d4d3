# Everything a person or a machine needs: each target fills .venv by itself.
# PYTHON chooses the interpreter that makes it: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench clean

help: ## show this list
	@echo "make TARGET"
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-8s %s\n", $$1, $$2 }'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "crossloop needs Python 3.11 or newer, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "==> .venv: making it with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@# The pip that comes with Python 3.11 to 3.13 does not know dependency groups; 25.1 does.
	@$(PIP) install --upgrade 'pip>=25.1'
	@echo "==> .venv: installing crossloop and its tools (a few minutes the first time)"
	@$(PIP) install --group dev --editable .
	@touch $@

install: $(STAMP) ## make .venv with crossloop and its tools

demo: $(STAMP) ## the first loop, end to end, on the embedded company
	@$(BIN)/crossloop demo

test: $(STAMP) ## every test
	@echo "==> pytest"
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: $(STAMP) ## lint, format and types
	@echo "==> ruff check"
	@$(BIN)/ruff check .
	@echo "==> ruff format"
	@$(BIN)/ruff format --check .
	@echo "==> pyright"
	@$(BIN)/pyright

format: $(STAMP) ## mend lint and format where a tool can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure the detection, and the throughput without peers (with: benchmarks throughput --peers all)
	@$(BIN)/python -m benchmarks detection
	@$(BIN)/python -m benchmarks throughput --peers none

clean: ## take away .venv and everything that tools and runs left
	@rm -rf .venv .benchmarks .pytest_cache .ruff_cache .hypothesis .coverage build dist crossloop-demo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
