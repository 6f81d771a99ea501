# Needs Python 3.11 or newer and make; everything else comes into .venv/.
PYTHON ?= python3
UV := .venv/bin/uv
UV_VERSION := 0.13.8
BIN := .venv/bin

.PHONY: setup demo test lint clean

setup: .venv/.ready

# A folder is newer when a module was added: the installed package has a link for each module, and needs one more.
FOLDERS := $(shell find samgraph graph hist factors cypher -type d -not -name __pycache__)

# uv comes by pip into the environment that it then fills from the lock file. Where Python may not keep what it
# compiles, every command would compile PyTorch again (15 s): then all is compiled here, once.
.venv/.ready: pyproject.toml uv.lock $(FOLDERS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "samgraph needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=/path/to/python3.11 setup" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(UV) sync --locked --inexact --quiet --reinstall-package samgraph $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
	@touch $@

demo: setup
	$(BIN)/samgraph demo

# Two processes, each with a server of its own: about 2 GiB each.
test: setup
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist *.egg-info demo
