# One command runs the main job (`make demo`), one passes the tests (`make test`); both set everything up first.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
# One more than two cores: tests that wait for a server leave a core idle.
WORKERS ?= 3
ARGS    ?=
ONLY    ?=
ROUNDS  ?= 20
LOG     ?= postgres
RUN     ?=
SEED    ?=
# Over Kafka the demo keeps a run folder of its own: offsets of one log mean nothing in another.
KAFKA_ARGS := $(if $(KAFKA),--kafka local $(if $(findstring --run,$(ARGS)),,--run .goldlayer-kafka))

# Python keeps what it compiles, whatever the caller's shell says: the road is many processes, and each would compile
# every library it imports, which takes longer than to import it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# The last line of the demo is its summary, also when another make runs this one.
MAKEFLAGS += --no-print-directory
.PHONY: help setup lock demo up test lint style bench service backfill walk roads chaos chaos-long clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(READY) ## make .venv with everything in it

$(READY): requirements.lock pyproject.toml
	@echo "set-up: virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "set-up: torch build: $(if $(UV_TORCH_BACKEND),$(UV_TORCH_BACKEND) (UV_TORCH_BACKEND),the index's default; UV_TORCH_BACKEND=cpu takes the small one)"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -r requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --no-deps --editable .
	@touch $@


# torch pins its CUDA packages itself: without them in the lock, one lock serves every build of torch.
lock: ## write requirements.lock anew: names and versions, no address, no CUDA package
	@$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev pyproject.toml --no-annotate --no-header \
		--upgrade --quiet --output-file requirements.all
	@grep -vE '^(nvidia-|cuda-|triton|goldlayer)' requirements.all > requirements.lock && rm requirements.all

demo: $(READY) ## walk recorded plant data to answers with evidence; ARGS="--once", KAFKA=1
	@$(BIN)/platform demo $(KAFKA_ARGS) $(ARGS)

up: $(READY) ## run an installation on real sites: ARGS="--sites DIR"
	@$(BIN)/platform up $(ARGS)

lint: style ## ruff, import contracts, pyright
	@$(BIN)/pyright --level error

style: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports

# pyright works for a minute on one core: here it does so beside the first tests, and is heard only if it finds something.
test: style ## lint and every test; the last line is pytest's
	@found=$$(mktemp); nice $(BIN)/pyright --level error >"$$found" 2>&1 & types=$$!; \
	trap 'kill $$types 2>/dev/null; rm -f "$$found"' EXIT; trap 'exit 130' INT TERM; \
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS); code=$$?; \
	wait $$types || { cat "$$found"; code=1; }; exit $$code

bench: $(READY) ## measure every claim, or ONLY=name
	@$(BIN)/python -m bench $(ONLY)

service: $(READY) ## install the bridge as a service, update it, have an update fail and go back, with real wheels
	@$(BIN)/pytest -n 0 -q tests/bridge/service/update_road.py

backfill: $(READY) ## kill a backfill of several tenants while it builds them at once, and have it go on
	@$(BIN)/pytest -n 0 -q tests/cli/backfill_road.py

walk: $(READY) ## do in Dagster's pages what a data engineer does, by machine; pictures in test-results/pages
	@$(BIN)/pytest -n 0 -q tests/orchestration/walk_road.py

roads: $(READY) ## every road too long for the tests: those of service, backfill and walk, the demo over Kafka, one killed twice
	@$(BIN)/pytest -n 0 -q $$(find tests -name '*_road.py')

chaos: $(READY) ## kill and cut everything while known data flows: ROUNDS=20 LOG=postgres or kafka, RUN=DIR to go on later
	@$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --log $(LOG) $(if $(RUN),--run $(RUN)) $(if $(SEED),--seed $(SEED))

chaos-long: $(READY) ## a hundred rounds on each log, resumable
	@$(BIN)/python -m tests.chaos --rounds 100 --log postgres --run .goldlayer-chaos/postgres
	@$(BIN)/python -m tests.chaos --rounds 100 --log kafka --run .goldlayer-chaos/kafka

clean: ## remove the run folders, keep the environment
	@rm -rf .goldlayer .goldlayer-kafka .goldlayer-chaos test-results
