# Everything a fresh machine needs is Python >= 3.11 with venv, and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= demo-output

.PHONY: help demo test check lint node aws bench soak format docs clean
help:           ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'voice-s2s needs Python 3.11 or newer; set PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Installing voice-s2s with the local engine into $(VENV) (about 350 MB, once) ...'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,cli,gateway]'
	@touch $@

$(VENV)/dev: $(VENV)/run
	@echo 'Installing what the tests need ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,chat,cli,gateway,nova,pipecat,tls,vertex,webrtc]' --group test --group sdk --group check
	@touch $@

demo: $(VENV)/run  ## ask the local engine a spoken question and hear the answer
	@$(BIN)/s2s demo --output $(OUT)

test: check     ## the gate: everything that CI runs

check: lint     ## style, types, contracts, sizes, docs and all tests
	$(BIN)/python -m pytest

lint: $(VENV)/dev  ## the part of check that runs nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/sizes.py
	$(BIN)/python tools/docs.py --check
	$(BIN)/python tools/pictures.py --check

NODE := tests/node
$(NODE)/node_modules/.package-lock.json: $(NODE)/package.json $(NODE)/package-lock.json
	@command -v npm >/dev/null || { echo 'the witness needs Node 20 or newer with npm'; exit 1; }
	@echo 'Installing @openai/agents and @google/genai into $(NODE) (about 115 MB, once) ...'
	@cd $(NODE) && npm ci
	@touch $@

node: $(VENV)/run $(NODE)/node_modules/.package-lock.json  ## the stock SDKs for JavaScript talk to serve and simulate
	$(BIN)/python -m tests.node.run

AWS_VENV := .venv312
$(AWS_VENV)/sdk:
	@python=$$(for each in $(or $(PYTHON312),python3.12 python3.13 python3.14); do \
		"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo "$$each"; break; }; done); \
	[ -n "$$python" ] || { echo 'the SDK of AWS needs Python 3.12 or newer; set PYTHON312=/path/to/python3.12'; exit 1; }; \
	echo 'Installing aws-sdk-bedrock-runtime into $(AWS_VENV) (about 45 MB, once) ...'; \
	"$$python" -m venv $(AWS_VENV)
	@$(AWS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'aws-sdk-bedrock-runtime[awscrt]>=0.12,<0.13'
	@touch $@

aws: $(VENV)/dev $(AWS_VENV)/sdk  ## the stock SDK of AWS, on a Python of its own, talks to simulate
	$(BIN)/python -m tests.aws.run

bench: $(VENV)/dev  ## measured figures, printed; quiet machine please
	$(BIN)/python -m bench

soak: $(VENV)/dev   ## 1,000 sessions with the real models, 4,000 conversations with faults; minutes
	$(BIN)/python -m pytest tests/soak tests/chaos -m soak

format: $(VENV)/dev ## rewrite layout and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev   ## rewrite the generated tables and pictures
	$(BIN)/python tools/docs.py
	$(BIN)/python tools/pictures.py

clean:          ## remove what the other targets made
	rm -rf $(VENV) $(AWS_VENV) $(OUT) $(NODE)/node_modules build dist .mypy_cache .ruff_cache .hypothesis
