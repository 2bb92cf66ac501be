# Every target makes its own environment in .venv, so that a fresh clone needs no other step.
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
VENV := $(ROOT)/.venv
BIN := $(VENV)/bin
RUN := cd $(ROOT) && $(BIN)

.PHONY: demo test lint bench bench-gpu faults lock install clean

demo: $(VENV)/.runtime ## the whole product on this machine, on footage with known truth
	@$(RUN)/throughline demo $(ARGS)

test: $(VENV)/.dev ## linters, types, import rules and every test
	@$(ROOT)/tests/system_tools.sh
	@$(MAKE) --no-print-directory -f $(ROOT)/Makefile lint
	@$(RUN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache

bench: $(VENV)/.dev ## speed, against peers in the same run
	@$(RUN)/python -m benchmarks $(ARGS)

bench-gpu: $(VENV)/.dev ## what a GPU does for it, checked against the CPU
	@$(RUN)/python -m benchmarks.gpu $(ARGS)

faults: $(VENV)/.dev ## kill, hang and starve the parts of a running product
	@$(RUN)/python -m benchmarks.faults $(ARGS)
	@$(RUN)/python -m benchmarks.matcher_faults

install: $(VENV)/.runtime

$(VENV)/.runtime: $(ROOT)/requirements/runtime.txt $(ROOT)/pyproject.toml
	@$(ROOT)/requirements/install.sh $(PYTHON) $(VENV) runtime

$(VENV)/.dev: $(ROOT)/requirements/dev.txt $(ROOT)/pyproject.toml
	@$(ROOT)/requirements/install.sh $(PYTHON) $(VENV) dev

lock: ## pins every dependency, with hashes; needs uv
	cd $(ROOT) && uv pip compile pyproject.toml requirements/build.in --universal --python-version 3.11 \
	  --override requirements/overrides.txt --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet -o requirements/runtime.txt
	cd $(ROOT) && uv pip compile pyproject.toml requirements/build.in --extra dev --universal --python-version 3.11 \
	  --override requirements/overrides.txt --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet -o requirements/dev.txt

clean:
	rm -rf $(VENV)
