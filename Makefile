# Each target does all its own set-up; what is there already is skipped (stamp files under .venv/).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pbx-control

# What an Asterisk of our own, its prompts and their voices need; then what the tests and measurements need besides.
RUN_PACKAGES := python3-venv mmdebstrap uidmap bubblewrap espeak-ng
TEST_PACKAGES := $(RUN_PACKAGES) sip-tester postgresql buildah chromium dovecot-imapd prometheus coturn nginx-light

# Real calls in real time: the tests wait more than they compute, so that two cores have work for four of them
# (tests/shares.py). On a machine whose cores have other work, one call in some hundred comes late. What failed is tried
# once more with the machine to itself; what fails twice is red.
# A failure is told when it happens, and all of them once more at the end.
PYTEST := $(BIN)/pytest --instafail
ON_THE_SWITCH := -m "switch or postgres"
WITHOUT_SWITCH := -m "not switch and not postgres"
# What could not even be collected is not tried again.
ONLY_FAILED := --last-failed --last-failed-no-failures none
AT_ONCE := -n 4 --dist loadscope

.PHONY: help demo test check coverage prepared bench texts clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: .venv/.run ## real calls through a real Asterisk, told as they happen (ARGS=--stay keeps it running)
	@$(BIN)/pbx-control demo $(ARGS)

test: ## everything, with the real Asterisk, SIPp and PostgreSQL (ARGS for pytest)
	@$(MAKE) -j 2 check prepared
	@$(PYTEST) $(AT_ONCE) $(ON_THE_SWITCH) --durations=15 $(ARGS) || \
	  (echo "once more, alone, what failed:" && $(PYTEST) --verbose $(ONLY_FAILED) $(ON_THE_SWITCH) $(ARGS))

check: .venv/.test ## the quick check, without Asterisk
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTEST) -n 2 $(WITHOUT_SWITCH) || \
	  (echo "once more, alone, what failed:" && $(PYTEST) --verbose $(ONLY_FAILED) $(WITHOUT_SWITCH))

# Apart from `make test`: counting lines makes each test slower, and some of those on the switch are in real time.
coverage: .venv/.test .venv/.debian-test ## what share of each room's lines all the tests run (slower than test)
	@$(MAKE) prepared
	@$(BIN)/coverage erase
	@$(PYTEST) $(AT_ONCE) --cov --cov-report= $(ARGS) || failed=1
	$(BIN)/python -m tests.covered && [ -z "$${failed:-}" ]

prepared: .venv/.test .venv/.debian-test
	@$(BIN)/python -m tests.prepared

bench: .venv/.test .venv/.debian-test ## the measurements, in one table (QUICK=1: does it still work?)
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS)

# Sorted and without places in the code, so that people who add texts do not edit the same lines.
texts: .venv/.test ## brings the catalogue of translations up to the code: what is new stands there with an empty msgstr
	@mkdir -p build
	@$(BIN)/python -m babel.messages.frontend -q extract --mapping-file babel.cfg --sort-output --no-location \
	  --width 120 --output-file build/pbx_control.pot .
	@$(BIN)/python -m babel.messages.frontend -q update --domain pbx_control --input-file build/pbx_control.pot \
	  --output-dir pbx_control/locale --locale es --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	  --width 120

clean: ## removes what the other targets made: environment, demo, caches, the root file system of Asterisk
	@if [ -x $(BIN)/pbx-control ] && [ -f var/demo/pbx.toml ]; then $(BIN)/pbx-control --home var/demo asterisk stop; fi
	@rm -rf .venv var/demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
	@rm -rf "$(CACHE)"
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up

.venv/.run: setup.cfg .venv/.python
	@echo "installing pbx-control in .venv …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

.venv/.test: setup.cfg .venv/.python
	@echo "installing pbx-control and its tests in .venv …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch .venv/.run $@

.venv/.python: .venv/.debian-run
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.debian-test: .venv/.debian-run  # apt-get works alone
.venv/.debian-run: packages = $(RUN_PACKAGES)
.venv/.debian-test: packages = $(TEST_PACKAGES)
.venv/.debian-run .venv/.debian-test: Makefile
	@mkdir -p .venv
	@missing=""
	for package in $(packages); do
	  dpkg-query --show --showformat='$${db:Status-Status}\n' "$$package" 2>/dev/null | grep -qx installed \
	    || missing+=" $$package"
	done
	if [ -z "$$missing" ]; then :
	elif ! command -v apt-get >/dev/null; then
	  echo "this is no Debian: if something is missing below, install the likes of:$$missing" >&2
	elif [ "$$(id -u)" != 0 ]; then
	  echo "Debian packages are missing; as root, run: apt-get install$$missing" >&2; exit 1
	else
	  echo "installing Debian packages:$$missing …"
	  log=$$(mktemp)
	  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing; } \
	    >"$$log" 2>&1 || { tail -20 "$$log" >&2; exit 1; }
	  rm -f "$$log"
	fi
	touch $@

.ONESHELL:
