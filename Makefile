# ftcore: raw Chinese and English text to a tracked, compared, served fastText model.
#   make run    set up and run the quick start        make test   set up and run the tests
# Options: PYTHON=python3.12  TORCH_INDEX=URL (another index for torch)  TEST_JOBS=0  CONFIG=FILE  ARGS="key=value …"

PYTHON      ?= python3
VENV        ?= .venv
TORCH_INDEX ?=
GPU_PYTHON  ?= $(VENV)/bin/python
TEST_JOBS   ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) # the tests of flows wait for servers half of the time
CONFIG      ?= examples/quickstart.yaml
ARGS        ?=
STORE       ?= runs
BIN         := $(VENV)/bin
STAMP       := $(VENV)/.installed
DOCS        := $(VENV)/.docs
SAMPLE      := examples/sample/data/.written
NATIVE      := -O3 -funroll-loops -march=native
TORCH       := $(shell grep '^torch==' constraints.txt)
CORE        := build/native.stamp
BLANKS      := $(VENV)/share/ftcore/.made
CORE_FILES  := setup.py $(shell find ftcore/native -name '*.cc' -o -name '*.h' -o -name CMakeLists.txt)
BUILD_TOOLS := setuptools nanobind cmake ninja

export DO_NOT_TRACK = true
export MLFLOW_DISABLE_TELEMETRY = true
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: help run tune native test gpu test-native test-slow test-kill peer-tests lint format docs ui deploy serve bench peer peers clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n '1,2p' Makefile | cut -c3-; sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
	@sed -n '3p' Makefile | cut -c3-

run: $(CORE) $(BLANKS) $(SAMPLE) ## raw text to a registered model, on the sample data
	@$(BIN)/python -m flows.pipeline --config $(CONFIG) $(ARGS)

tune: $(CORE) $(BLANKS) $(SAMPLE) ## search for the fine-tuning options (ARGS="tune.duration=300")
	@$(BIN)/python -m flows.tune --config $(CONFIG) $(ARGS)

test: $(CORE) $(BLANKS) ## the tests, without the slow ones
	@$(BIN)/python -m pytest -m "not slow and not kill and not gpu" -n $(TEST_JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

native: $(CORE) ## the native core, built anew where a source of it changed

test-native: $(CORE) ## the tests of the native core under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(BIN)/python tests/native_sanitized.py $(ARGS)

test-slow: $(CORE) ## tests that take minutes
	@$(BIN)/python -m pytest -m slow $(ARGS)

test-kill: $(CORE) ## kill -9 at random moments, then the same command again
	@$(BIN)/python -m pytest -m kill $(ARGS)

peer-tests: $(CORE) peer ## the original's and fasttext-community's unit tests on ftcore (ARGS="--times 20")
	@$(BIN)/python tests/reference/peer_tests.py $(ARGS)
	@echo "the golden answers, asked again"; $(BIN)/python tests/golden/make.py --live
	@echo "fasttext-community's tests on ftcore"; $(BIN)/python tests/reference/community_tests.py

lint: $(STAMP) ## what the tests cannot see: style, docstrings, unused names, types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python -m mypy

format: $(STAMP) ## put the code into the form that `make lint` asks for
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: $(DOCS) ## the guides and the reference as a site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet && echo "build/site/index.html"

ui: $(CORE) ## the MLflow and Prefect pages over the store of `make run`
	@$(BIN)/python -m flows.ui "store=$(STORE)" $(ARGS)

deploy: $(CORE) $(SAMPLE) ## schedule CONFIG on the server that PREFECT_API_URL names, else that of `make ui`
	@$(BIN)/python -m flows.deploy --config $(CONFIG) $(ARGS)

serve: $(CORE) ## serve the champion (else the newest version) over HTTP
	@$(BIN)/python -m flows.serve --config $(CONFIG) $(ARGS)

gpu: ## on a machine with a GPU: the engine's checks and speeds (GPU_PYTHON=python3, which has a torch for CUDA)
	@$(GPU_PYTHON) -m benchmarks.gpu $(ARGS)
	@mkdir -p build; $(GPU_PYTHON) -c 'import ftcore.native' 2> /dev/null || $(GPU_PYTHON) setup.py build_ext --inplace > build/gpu.log 2>&1 || tail -5 build/gpu.log
	@$(GPU_PYTHON) -m pytest -q tests/ftcore/engines/cuda/test_kernels.py tests/ftcore/engines/cuda/test_bag_kernels.py tests/ftcore/engines/cuda/test_engine.py

bench: $(CORE) peers ## every benchmark against its peer
	@for b in $(filter-out benchmarks/gpu.py benchmarks/zipf.py benchmarks/in_flight.py benchmarks/together.py,$(wildcard benchmarks/[a-z]*.py)); do $(BIN)/python -m benchmarks.$$(basename $$b .py) $(ARGS) || exit 1; done

peer: .venv-peer/.installed ## the original fastText, built natively, in an environment of its own

peers: peer ## the original's forks, and others that are compared, in environments of their own
	@for p in fasttext-community fasttext-new fasttext-turbo; do \
	   [ -e .venv-peers/$$p/.installed ] && continue; $(PYTHON) -m venv .venv-peers/$$p && \
	   { CFLAGS="$(NATIVE)" CXXFLAGS="$(NATIVE)" .venv-peers/$$p/bin/pip install --no-cache-dir $$p \
	     > .venv-peers/$$p/install.log 2>&1 && touch .venv-peers/$$p/.installed || { tail -5 .venv-peers/$$p/install.log; \
	     echo "$$p: not installed, the benchmarks leave it out"; }; }; done

	@[ -e .venv-peers/near/.installed ] || { $(PYTHON) -m venv .venv-peers/near && .venv-peers/near/bin/pip install rensa \
	   datasketch > .venv-peers/near/install.log 2>&1 && touch .venv-peers/near/.installed; } || \
	   echo "near: rensa and datasketch are not installed, the benchmark leaves them out"
	@[ -e .venv-peers/segment/.installed ] || { $(PYTHON) -m venv .venv-peers/segment && .venv-peers/segment/bin/pip install \
	   rjieba > .venv-peers/segment/install.log 2>&1 && touch .venv-peers/segment/.installed; } || \
	   echo "segment: rjieba is not installed, the benchmark leaves it out"

.venv-peer/.installed:
	@echo "building the original fastText natively (log: .venv-peer/install.log)"
	@$(PYTHON) -m venv .venv-peer
	@# newer setuptools take the flags of C++ from CXXFLAGS alone
	@CFLAGS="$(NATIVE)" CXXFLAGS="$(NATIVE)" .venv-peer/bin/pip install --no-cache-dir fasttext \
		> .venv-peer/install.log 2>&1 || { tail -20 .venv-peer/install.log; exit 1; }
	@# its command line, from the same source
	@{ .venv-peer/bin/pip download --no-binary fasttext --no-deps -d .venv-peer/source fasttext && \
	   tar -xzf .venv-peer/source/fasttext-*.tar.gz -C .venv-peer/source --strip-components 1 && \
	   $(CXX) -std=c++17 $(NATIVE) -pthread .venv-peer/source/src/*.cc -o .venv-peer/bin/fasttext && \
	   .venv-peer/bin/pip download --no-binary :all: --no-deps -d .venv-peer/community fasttext-community==0.11.9 && \
	   tar -xzf .venv-peer/community/fasttext_community-0.11.9.tar.gz -C .venv-peer/community; } \
		>> .venv-peer/install.log 2>&1 || { tail -20 .venv-peer/install.log; exit 1; }
	@touch $@

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ftcore needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=")'
	@$(PYTHON) ftcore/native/sources.py
	@echo "setting up $(VENV), a few minutes the first time (log: $(VENV)/install.log)"
	@$(PYTHON) -m venv $(VENV)
	@{ $(BIN)/pip install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(if $(TORCH_INDEX),torch,$(TORCH)) && \
	   $(BIN)/pip install -c constraints.txt $(BUILD_TOOLS) && \
	   $(BIN)/pip install -c constraints.txt --no-build-isolation -e '.[test]'; } > $(VENV)/install.log 2>&1 \
	   || { tail -20 $(VENV)/install.log; echo "installation failed; the whole log: $(VENV)/install.log"; exit 1; }
	@touch $@

# What builds the site, only where it is asked for.
$(DOCS): $(STAMP)
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' > $(VENV)/docs.txt
	@$(BIN)/pip install -c constraints.txt -r $(VENV)/docs.txt > $(VENV)/docs.log 2>&1 || { tail -20 $(VENV)/docs.log; exit 1; }
	@touch $@

$(CORE): $(STAMP) $(CORE_FILES)
	@mkdir -p build
	@$(BIN)/python setup.py build_ext --inplace > build/native.log 2>&1 || { tail -30 build/native.log; exit 1; }
	@touch $@

# Empty databases of Prefect and MLflow, copied into each new store; without them each store makes its own.
$(BLANKS): $(STAMP)
	@mkdir -p $(@D)
	@$(BIN)/python -m tasks.blank > $(@D)/blank.log 2>&1 || { tail -3 $(@D)/blank.log; echo "no empty databases are kept (log: $(@D)/blank.log): the first run on a store takes longer"; }
	@touch $@

$(SAMPLE): examples/sample/generate.py examples/sample/en.yaml examples/sample/zh.yaml | $(CORE)
	@$(BIN)/python examples/sample/generate.py --out examples/sample/data --seed 0
	@touch $@

clean: ## remove what `make run` wrote (not the environment)
	rm -rf $(STORE) examples/sample/data
