# make demo   set up .venv and run the demo search
# make test   set up .venv and run the tests
# make lint   ruff and mypy
# make parity   the networks beside the published code's outputs, a table of differences
# make docs   the documentation as a site in site/; a broken link fails
# make soak   whole studies killed, stopped, cut off and filled up, 100 kills in all; an hour; the right to mount helps
# make cluster-test   head, nodes, PostgreSQL, MLflow behind its login, a bucket; needs Debian's postgresql and nginx-light
# make slurm-test   deploy/slurm under Slurm's own daemons on this machine; needs Debian's slurm-wlm and munge
# make gpu-test   all that only a GPU can tell: tests, benchmarks and goals, to gpu.json; as far as the CPU goes without one
# make ui-test   MLflow's pages, the report and the live page in headless Chromium; needs Debian's chromium and chromium-driver

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

KILLS ?= 100

.PHONY: demo test parity soak cluster-test slurm-test gpu-test lint docs ui-test setup clean

demo: setup
	$(BIN)/python tune/kth_search.py --preset demo

test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --durations 25

parity: setup
	$(BIN)/python tests/benchmarks/parity.py

soak: setup
	KILLS=$(KILLS) $(BIN)/python -m pytest -m soak tests/soak tests/data tests/tune tests/journeys tests/docs --timeout 7200 -s
	ALL_CASES=1 $(BIN)/python -m pytest tests/journeys tests/data/convection tests/fernn/files --timeout 7200

cluster-test: setup
	$(BIN)/python -m pytest -m cluster tests/cluster --timeout 600 --durations 0 -s

slurm-test: setup
	$(BIN)/python -m pytest -m slurm tests/slurm --timeout 2400 --durations 0 -s

gpu-test: setup
	$(BIN)/python tests/benchmarks/gpu.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

ui-test: setup
	$(BIN)/python -m pytest -m ui tests/ui

setup: $(READY)

# Built anew when the lock or the project's metadata changes; a set-up that was cut short is not ready.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else f"Python 3.11 or 3.12 is needed, {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $(READY)

clean:
	rm -rf .venv
