# Every command a developer or administrator types. Only `make venv` and `make dev` (which the others run when
# something changed) and `make test-peers` download.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := UV_LINK_MODE=copy $(BIN)/uv

.PHONY: help venv dev demo up test shots looks check format test-peers chaos api-report bench requirements clean
.DEFAULT_GOAL := help

help:           ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | expand -t 16

venv: $(VENV)/.installed        ## build .venv with the pinned packages
dev: $(VENV)/.installed-dev     ## the same, with the tools of the checks and tests

$(VENV)/.installed: requirements.txt deploy/make_venv.sh
	@PYTHON="$(PYTHON)" sh deploy/make_venv.sh requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@PYTHON="$(PYTHON)" sh deploy/make_venv.sh requirements-dev.txt
	@touch $@

demo: venv      ## the whole product with a demo PBX and a running campaign; Ctrl-C ends it
	@$(BIN)/python manage.py demo

up: venv        ## the product, without the demo
	@$(BIN)/python manage.py up

test: dev       ## all tests that need nothing but this folder
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: dev      ## format, lint, types, import contracts, migrations, settings, translations
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py check
	@$(BIN)/python manage.py translations --check
	@echo "check: everything is in order"

format: dev     ## put the code into its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

test-peers: dev ## tests against sipp and Asterisk (installs them; Debian, root)
	@sh deploy/test_peers.sh

shots: dev      ## a picture of every page in light, dark and narrow, in build/shots/
	@$(BIN)/python -m tests.looks

looks: dev      ## every page: accessible, fit for a telephone, nothing from elsewhere
	@$(BIN)/python -m pytest -n 2 -m looks tests/looks

N ?= 30
SEED ?= 1
PEER ?= demo
chaos: dev      ## N=30 SEED=1 PEER=demo (asterisk): so many faults, a JSON line each in build/chaos.jsonl
	@mkdir -p build && rm -f build/chaos.jsonl
	@$(BIN)/python -m tests.chaos --faults $(N) --seed $(SEED) --peer $(PEER) --report build/chaos.jsonl; \
		status=$$?; cat build/chaos.jsonl; exit $$status

api-report: dev ## every operation of the API as every role, by schemathesis; EXAMPLES=50 for a long round
	@rm -rf build/api-report
	@$(BIN)/python -m pytest -m schema -n 2 --dist load; status=$$?; \
		$(BIN)/python -m tests.api.schema_report && exit $$status

bench: dev      ## figures, as JSON
	@$(BIN)/python -m benchmarks

requirements: dev ## compile requirements*.txt from pyproject.toml
	@$(UV) pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --group dev -c requirements.txt -o requirements-dev.txt

clean:          ## remove .venv and caches (data in var/ stays)
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
