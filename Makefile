# `make demo` and `make test` set up what they need by themselves, in .venv, on any machine with
# Python 3.11 or 3.12. Name another one with `make PYTHON=python3.12 test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

# ONNX Runtime 1.29 and later report their use to Microsoft unless told not to.
export ORT_DISABLE_TELEMETRY := 1

# What decides what is installed: when one of these changes, the next run installs again.
REQUIREMENTS := pyproject.toml constraints.txt
# Processes that share the tests, file by file.
JOBS ?= 2
# Whose labels a detector learns from.
NEURAL := hyperprior factorized channel-ar hific cdc
# Whose profiles are about that detector as well.
CLASSIC := jpeg x264 x265 kvazaar
# The environment of the demo, and the one of the tests, which holds the demo's.
DEMO := $(VENV)/demo.stamp
TEST := $(VENV)/test.stamp

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test fuzz lint types proto proto-check bench load soak train clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(DEMO) ## install the service and analyse the example photograph at 0.1 bpp
	$(BIN)/riskmask analyze examples/astronaut.jpg --bpp 0.1 --out out/demo

test: $(TEST) ## install everything the tests need and run them (ARGS="-m 'not slow'" to choose, JOBS=0 for one process)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

fuzz: $(TEST) ## send 10,000 damaged images to a server (ARGS="--count 500 --seed 1" to choose)
	$(BIN)/python tests/fuzz $(ARGS)

lint: $(TEST) ## check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(TEST) ## check the types of what ships
	$(BIN)/mypy client server model

proto: ## generate the stubs from the contract
	proto/generate.sh

proto-check: ## check that the stubs match the contract, and lint the contract (needs npm)
	proto/generate.sh --check
	proto/lint.sh

bench: $(TEST) ## time the detector beside its alternatives (ARGS="--yunet FILE --labels FOLDER")
	$(BIN)/python -m riskmask.model.bench $(ARGS)
	$(BIN)/python -m riskmask.server.bench.decoding

load: $(TEST) ## offer a server ten times what it can do (ARGS="--seconds 60")
	$(BIN)/python -m riskmask.server.bench.load $(ARGS)

soak: $(TEST) ## watch a server's memory under work, and stop servers at work (ARGS="--minutes 30")
	$(BIN)/python -m riskmask.server.bench.soak $(ARGS)

train: $(TEST) ## make a detector anew by the packaged codecs: labels, training, profiles (needs RISKMASK_CORPUS)
	$(BIN)/python -m riskmask.model.label --out runs/labels $(NEURAL:%=--codec %) \
	  --annotator text --annotator symbol --annotator face
	$(BIN)/python -m riskmask.model.label.card runs/labels
	$(BIN)/python -m riskmask.model.label --out runs/calibration --calibration $(CLASSIC:%=--codec %) \
	  --annotator text --annotator symbol --annotator face --classic none
	$(BIN)/python -m riskmask.model.train detector --out runs/detector
	$(BIN)/python -m riskmask.model.train calibrate --out runs/detector
	$(BIN)/python -m riskmask.model.train quantise --model runs/detector/detector-*.onnx \
	  --out model/riskmask/model/weights
	$(BIN)/python -m riskmask.model.train detector-card
	for codec in $(filter-out hyperprior,$(NEURAL)); do \
	  $(BIN)/python -m riskmask.model.train codec-profile --codec $$codec || exit 1; done
	for codec in $(NEURAL); do \
	  $(BIN)/python -m riskmask.model.train error-calibration --codec $$codec || exit 1; done
	for codec in $(CLASSIC); do for fit in codec-profile error-calibration; do \
	  $(BIN)/python -m riskmask.model.train $$fit --codec $$codec --labels runs/calibration || exit 1; \
	  done; done

clean: ## remove everything that make made (not runs/)
	rm -rf $(VENV) .venv-proto .venv-proto-buf .venv-node out build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find proto client server model tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/created.stamp:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 12) \
	  else "riskmask needs Python 3.11 or 3.12; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# One pip command for each environment: a second one would be free to undo what the first chose.
$(DEMO): $(REQUIREMENTS) | $(VENV)/created.stamp
	$(INSTALL) --editable '.[server]'
	@touch $@

$(TEST): $(REQUIREMENTS) | $(VENV)/created.stamp
	$(INSTALL) --editable '.[server,verify,otel,captions,profile,train,encoders,dev]'
	@touch $(DEMO) $@
