# pumprig: `make help` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.installed
NODE_STAMP := tests/node_modules/.installed
STUBS = $(shell $(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
WORKERS ?= 5
LOCK ?= locks/dev.txt
HALVES := build/halves
TOOLS := build/lock
LOWEST := build/lowest
SHORT_SUITE := tests/unit/cli tests/unit/store tests/unit/calibration/test_calibration_fit.py \
  tests/unit/calibration/test_calibration_tools.py tests/unit/accuracy tests/unit/console tests/unit/therapy \
  tests/unit/flash tests/examples/test_programs.py
# Modules are compiled when they are first imported: most never are, and the installation takes half the time.
PIP := -m pip install -q --no-compile --disable-pip-version-check
LOCKED := --require-hashes --no-deps
# They stay compiled: the gate starts a thousand programs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: $(STAMP) $(NODE_STAMP) ## install everything into .venv and tests/node_modules (LOCK= for the newest versions)

# Every package at the locked version, and only files whose hash stands in the lock; nothing is resolved or built anew.
$(STAMP): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pumprig needs Python 3.11 or newer; set PYTHON=python3.x")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python has no venv here; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
ifeq ($(LOCK),)
	$(PY) $(PIP) -e '.[dev]'
	$(PY) $(PIP) --no-deps adafruit-circuitpython-motor
else
	@# every other package each: pip has one thread, and spends most of its time with what an index tells; pip itself
	@# comes before them, for one of the two would be replaced by the other while it runs
	@mkdir -p $(HALVES) && : > $(HALVES)/pip && \
	awk -v n=2 '/^[^ ]/ { n = 3 - n; to = /^pip==/ ? "pip" : "half-" n } { print > ("$(HALVES)/" to) }' $(LOCK)
	$(PY) $(PIP) $(LOCKED) -r locks/build.txt -r $(HALVES)/pip
	@$(PY) $(PIP) $(LOCKED) --no-build-isolation -r $(HALVES)/half-1 & \
	$(PY) $(PIP) $(LOCKED) --no-build-isolation -r $(HALVES)/half-2; second=$$?; \
	wait $$! && test $$second = 0 || { echo "The locked packages could not be installed; \
	why stands above. Not checked against the lock, the newest that fit: make install LOCK="; exit 1; }
	$(PY) $(PIP) --no-deps --no-build-isolation -e .
endif
	@touch $@

lock: $(STAMP) ## resolve pyproject.toml into locks/ and write the list of parts; UPGRADE=1 takes the newest versions
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python $(PIP) $(LOCKED) -r locks/tools.txt
	$(TOOLS)/bin/python locks/lock.py $(if $(UPGRADE),--upgrade)
	$(TOOLS)/bin/python locks/sbom.py $(STUBS)
	$(PY) docs/generate.py docs/reference/licences.md docs/index.md

lowest: ## the oldest versions that pyproject.toml allows, in an environment of their own, and a short suite on them
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python $(PIP) $(LOCKED) -r locks/lowest.txt
	$(LOWEST)/bin/python $(PIP) --no-deps --no-build-isolation -e .
	$(LOWEST)/bin/python -m pytest -q -n $(WORKERS) --dist loadfile -p no:cacheprovider $(SHORT_SUITE)

# Node is optional: without it the tests that need it are listed as skipped, with the reason.
$(NODE_STAMP): tests/package-lock.json
	@if command -v npm >/dev/null; then \
	  cd tests && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.installed; \
	else echo "no npm here: the tests on the 32-bit MicroPython VM and the emulated Pico will be skipped"; fi

test: install ## every test that this machine can run; what it cannot is listed with the reason
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=3

check: ## the gate: everything that must hold before a commit lands
	@$(MAKE) --no-print-directory -j2 install
	@$(MAKE) --no-print-directory -j2 format lint
	@$(MAKE) --no-print-directory -j2 tested beside

tested: collected
	@$(MAKE) --no-print-directory test

collected: # once: else each of the workers compiles every test and every package for itself, all at the same time
	@told=$$($(PY) -m pytest --collect-only -q) || { echo "$$told" | tail -60; exit 1; }

beside: # in one go beside the tests, which often wait; first types, which takes longest; `compile` is one of the tests
	@$(MAKE) --no-print-directory types contracts fresh

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP) ## style and likely mistakes
	$(BIN)/ruff check .

types: $(STAMP) ## the host strictly; the firmware against MicroPython's stubs
	$(BIN)/pyright --pythonpath $(PY)
	$(BIN)/pyright --pythonpath $(PY) -p firmware/pyrightconfig.json --typeshedpath $(STUBS)

contracts: $(STAMP) ## who may import whom
	PYTHONPATH=host:firmware/lib:firmware $(BIN)/lint-imports --no-cache

compile: $(STAMP) ## every firmware file through mpy-cross
	$(PY) -m pytest -q tests/unit/house/test_firmware_compiles.py

docs: $(STAMP) ## write the generated pages
	$(PY) docs/generate.py

pictures: $(STAMP) ## draw the pictures of console and dashboard anew, from a simulated rig (needs tmux and Chromium)
	@command -v tmux >/dev/null || { echo "tmux is missing; on Debian: apt-get install tmux"; exit 1; }
	$(PY) docs/console_pictures.py
	$(PY) docs/dashboard_picture.py

fresh: $(STAMP)
	$(PY) docs/generate.py --check

faults: $(STAMP) ## power cuts, damaged lines, killed hosts, failing sensors: all of it, in under 20 minutes
	PYTHONPATH=host:firmware/lib:firmware:tests timeout 1200 $(PY) -m faults.campaign

trace: $(STAMP) ## safety requirements, the tests that name them, what these gave: out/trace/
	$(PY) tests/tracing.py

# An environment apart: its folder, its lock, how pumprig itself comes in.
define apart
test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
$(1)/bin/python $(PIP) $(LOCKED) -r locks/build.txt
$(1)/bin/python $(PIP) $(LOCKED) --no-build-isolation -r $(2)
$(1)/bin/python $(PIP) --no-deps --no-build-isolation $(3)
endef

# CAD is large and rarely needed: it has an environment of its own.
CAD := build/hardware
hardware: pyproject.toml locks/hardware.txt ## wiring plans, pictures and the printable pump head (needs graphviz)
	@command -v dot >/dev/null || { echo "Graphviz is missing; on Debian: apt-get install graphviz"; exit 1; }
	$(call apart,$(CAD),locks/hardware.txt,.)
	$(CAD)/bin/python hardware/render.py

# PyLabRobot and ophyd-async bring much with them: an environment of their own.
ADAPTERS := build/adapters
adapters: pyproject.toml locks/adapters.txt ## the devices for PyLabRobot and Bluesky, in their frameworks, on a simulated rig
	$(call apart,$(ADAPTERS),locks/adapters.txt,-e .)
	PYTHONPATH=host:firmware/lib:tests $(ADAPTERS)/bin/python -m pytest -q -p no:cacheprovider tests/adapters

RECIPES := build/recipes
recipes: pyproject.toml locks/recipes.txt ## the recipes for QCoDeS and PyMeasure, word for word, on a simulated rig
	$(call apart,$(RECIPES),locks/recipes.txt,-e .)
	PYTHONPATH=host:firmware/lib:tests $(RECIPES)/bin/python -m pytest -q -p no:cacheprovider tests/adapters/test_recipes.py

flash: $(STAMP) ## install the firmware on the only Pico found, or PORT=...
	PYTHONPATH=host:firmware/lib $(PY) -m pumprig $(if $(PORT),-p $(PORT)) flash

demo: $(STAMP) ## the whole path in under a minute: program, deliver, log, report (out/demo/report.html)
	@PYTHONPATH=host:firmware/lib $(PY) -m pumprig.demo examples/demo.toml out/demo

LAB ?= out/lab
lab: $(STAMP) ## a lab on this computer: broker, database, five simulated rigs, gateway, ingester; says where to look
	@command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || $(MAKE) --no-print-directory lab-servers
	@compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || $(MAKE) --no-print-directory lab-servers
	@$(PY) -m pumprig.lab.local start $(LAB)

lab-servers:
	@if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto postgresql >/dev/null; \
	else echo "mosquitto or PostgreSQL is missing; on Debian: sudo apt-get install mosquitto postgresql"; exit 1; fi

lab-stop: $(STAMP) ## end that lab; its rigs and records stay in out/lab
	@$(PY) -m pumprig.lab.local stop $(LAB)

lab-faults: $(STAMP) ## twenty rigs, everything killed at random instants, links cut, forgeries (RIGS=20 KILLS=200 MINUTES=60 SPEED=100)
	PYTHONPATH=host:firmware/lib:firmware:tests $(PY) -m lab.campaign --rigs $(or $(RIGS),20) --kills $(or $(KILLS),200) \
	  --minutes $(or $(MINUTES),60) --speed $(or $(SPEED),100) --seed $(or $(SEED),1)

bench: $(STAMP) ## every figure, beside its goal or a peer; kept in out/bench/bench.json
	$(PY) bench/run.py

bench-long: $(STAMP) ## ten thousand random weeks against the reference model, ten years, a thousand healthy days (hours; goes on)
	$(PY) bench/weeks.py
	$(PY) bench/long.py

mutants: $(STAMP) ## a thousand places of the firmware made wrong, one at a time: do the tests see it? (COUNT=1000 SEED=1; goes on)
	$(PY) bench/mutants.py --count $(or $(COUNT),1000) --seed $(or $(SEED),1)

bench-timing: $(STAMP) $(NODE_STAMP) ## every row of the timing table, 60 s of the loop under load (half an hour; needs PUMPRIG_UF2)
	$(PY) bench/timing.py --all
	$(PY) bench/firmware.py
	$(PY) bench/commands.py

.PHONY: beside collected tested recipes lab lab-servers lab-stop lab-faults mutants adapters lock lowest pictures bench bench-timing faults bench-long hardware flash demo help install test check format lint types contracts compile docs fresh trace
