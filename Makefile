# The two commands of the README are `make demo` and `make test`; the others are for those who change the code.

PYTHON ?= python3
VENV ?= .venv
SEEDS ?= 1200
NIGHTLY_SEEDS ?= 50000
JOBS ?= $(shell nproc)
# What mostly waits: namespaces, peers that start, timers.
WAITING_JOBS ?= $(shell expr 2 \* $$(nproc))
RUNS ?= 5
BIN := $(VENV)/bin

# A cross-section that takes some minutes; `make interop SCENARIOS=all` has them all.
SCENARIOS ?= strongswan-main-*-aes256-sha256-g14-* strongswan-aggressive-*-3des-*-pfs nat-both-*-strongswan* \
  nat-both-strongswan-* nat-both-ikevpn-ikevpn nat-port-rewritten-* nat-two-clients-* ikevpn-main-raw-ipv4 \
  ikevpn-main-udp-ipv6 ikevpn-aggressive-raw-ipv4 ikevpn-transport-raw-ipv6 ikevpn-transport-udp-ipv4 ikevpn-[f-kors]* \
  ikevpn-two-workers-crash ikevpn-two-workers-nat raw-esp-strongswan-i-aes256-*-aes128g*-pfs \
  raw-esp-strongswan-i-*-aes256ccm16-pfs raw-esp-strongswan-r-*-aes256ctr-sha-pfs raw-esp-strongswan-r-*-aes128ccm8-pfs \
  raw-esp-strongswan-r-aes256-*-esn-pfs raw-esp-strongswan-r-aes256-*-aes256-sha256-pfs raw-esp-*-ipcomp \
  raw-esp-libreswan-i-aes128-*-nopfs tshark-main-aes128-* tshark-main-3des-* tshark-aggressive-aes128gcm16-* sentence-* \
  dialect-draft-*-strongswan dialect-draft-00-* dialect-[!d]* dialect-d[!r]* loss-10-percent-ikevpn-ikevpn \
  raw-ah-strongswan-*-ah-sha-pfs raw-ah6-strongswan-i-*-ah-sha256-pfs manual-ikevpn-* manual-restart-* \
  manual-kernel-*-aes256-sha256 path-mtu-*-strongswan-udp nested-ikevpn-main nested-kernel-esp-aes256-* word-* \
  host-to-host-strongswan-i-ipv4 transport-nat-napt-none-guest-*

.PHONY: demo test packages lint format unit net sim growth interop nightly bench docs clean

demo: $(VENV)/demo.stamp ## a tunnel between two namespaces, seen at work
	@sh interop/packages.sh demo
	@$(BIN)/python -m interop.demo

test: packages lint unit sim net interop ## everything
	@echo "make test: everything passed"

packages: ## what the system must have; installed where it may be
	@sh interop/packages.sh test

lint: $(VENV)/test.stamp ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp ## repair style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: $(VENV)/test.stamp ## tests that need neither root nor a peer
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not root"

sim: $(VENV)/test.stamp ## the simulator: two engines, a virtual clock and a bad network
	$(BIN)/python -m tests.sim $(SEEDS) --jobs $(JOBS)

net: packages $(VENV)/test.stamp ## tests in network namespaces; needs root
	$(BIN)/python -m pytest -q -n $(WAITING_JOBS) -m root

interop: packages $(VENV)/test.stamp ## real peers in network namespaces; needs root
	set -f; $(BIN)/python -m interop run --jobs $(WAITING_JOBS) $(SCENARIOS)

nightly: packages $(VENV)/test.stamp ## what is long and rarely finds anything: before a release, by hand
	$(BIN)/python -m tests.sim $(NIGHTLY_SEEDS) --jobs $(JOBS)
	$(BIN)/python -m interop run --jobs $(WAITING_JOBS) all

growth: $(VENV)/test.stamp ## what each step costs with 10 to 10,000 tunnels up; some minutes
	$(BIN)/python -m tests.growth

bench: packages $(VENV)/test.stamp ## the figures of docs/performance.md; needs root, some twenty minutes, a quiet machine
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m interop bench all --write --runs $(RUNS)

docs: $(VENV)/test.stamp ## pages that are generated
	$(BIN)/python -m ikevpn.config.reference
	$(BIN)/python docs/exchanges.py
	$(BIN)/python docs/control_protocol.py

clean: ## what make has made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/demo.stamp: pyproject.toml
	@sh interop/packages.sh python $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml
	@sh interop/packages.sh python $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/demo.stamp
