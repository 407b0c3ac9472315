# Two commands on a fresh machine: `make run` and `make test`. Everything else is listed by `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONSAFEPATH = 1

.DEFAULT_GOAL := help
.PHONY: help run test test-browser chromium check format bench soak clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp for everything installed; a changed pyproject.toml installs again.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("cueworker needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing cueworker and its tools into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(VENV)/.installed ## the local server, a pool of 4 workers and sample executions, on screen
	@$(BIN)/python examples/demo.py

test: $(VENV)/.installed ## the whole test suite
	$(BIN)/python -m pytest -q -n 5 tests --ignore=tests/browser

test-browser: $(VENV)/.installed ## the dashboard in a real Chromium; pictures in .test-output/browser
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		echo "make test-browser needs chromium and chromedriver in PATH: 'make chromium' installs Debian's (as root)" >&2; exit 3; }
	$(BIN)/python -m pytest -q tests/browser

chromium: ## install Debian's chromium and chromium-driver where they are missing (as root)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends chromium chromium-driver; }

check: $(VENV)/.installed ## lint, format and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed ## throughput and cost beside an ideal loop; the embedded server, commands, metrics
	$(BIN)/python tests/bench/throughput.py
	$(BIN)/python tests/bench/local_server.py
	$(BIN)/python tests/bench/commands.py
	$(BIN)/python tests/bench/scrape.py

soak: $(VENV)/.installed ## the slow tests: all seeds, all crash points, many examples, 10,000 executions (over an hour)
	CUEWORKER_SOAK=1 $(BIN)/python -m pytest -q -n 4 --timeout 1800 tests/unit tests/conformance tests/process
	CUEWORKER_SOAK=1 $(BIN)/python -m pytest -q -s tests/soak

clean: ## remove what the commands above made
	rm -rf $(VENV) .run .test-output build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
