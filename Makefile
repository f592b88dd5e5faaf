# The only door: everything a person or a machine does here starts with make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export LC_ALL := C

CARGO ?= $(shell qemu-tests/bootstrap.sh --cargo)
TARGET := $(or $(CARGO_TARGET_DIR),target)
SIM := sim
PACKAGES := $(addprefix -p ,ntm-dc ntm-relay ntm-gateway)
# Two at a time; those that measure have the machine to themselves.
SCENARIOS := story follow policy overlap at-home two-domains coexist
BESIDE := matrix bad-input power-cuts restart web web-first operator
ALONE := busy hostile links offloads move-nat-to-nat move-both move-clock qemu

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## the whole story on this machine, from nothing: installs, builds, plays, cleans up
	@qemu-tests/bootstrap.sh
	@$(MAKE) --no-print-directory demo-play

demo-play:
	@$(CARGO) build $$([ ! -x $(TARGET)/release/ntm-gateway ] || echo --release) $(PACKAGES) --bins
	@if [ -x $(TARGET)/release/ntm-gateway ] && [ -z "$${NTM_BIN_DIR:-}" ]; \
	then export NTM_BIN_DIR="$$(realpath $(TARGET))/release"; fi; exec qemu-tests/demo.sh

test: ## unit tests, in-process worlds, the feed and its packages, namespace scenarios
	@qemu-tests/bootstrap.sh --browser
	@$(MAKE) --no-print-directory test-rust test-package
	@# As built above: ten times as slow, but what `sim-moves` builds takes longer than all that it would save.
	@$(MAKE) --no-print-directory -j 2 --output-sync=target sim-moves test-openwrt SIM=dev N=1000 RACES=6000
	@$(MAKE) --no-print-directory scenarios

test-rust:
	$(CARGO) test --workspace --lib --bins --tests

sim: ## N=1000 [SEED=1]: so many worlds drawn from seeds, each judged by what must hold in all
	@$(CARGO) build --quiet --profile sim -p ntm-sim
	$(TARGET)/sim/sim $(or $(N),1000) $(SEED)

sim-moves: ## N=20000 [SEED=1] [LOST=10] [RACES=100000]: moves in drawn worlds, and copied datagrams; no session is away for LOST seconds
	@$(CARGO) build --quiet --profile $(SIM) -p ntm-sim
	$(TARGET)/$(SIM:dev=debug)/sim-moves --attacks $(or $(RACES),100000) $(or $(SEED),1)
	$(TARGET)/$(SIM:dev=debug)/sim-moves $(or $(N),20000) $(or $(SEED),1) $(LOST)

scenario: daemons ## S=NAME: one namespace scenario; its last line is one JSON object
	@test -n "$(S)" || { echo "which one? make scenario S=NAME, NAME one of: $(SCENARIOS) $(BESIDE) $(ALONE)" >&2; exit 2; }
	@f=qemu-tests/scenarios/$(S).sh; [ -x $$f ] || case '$(S)' in \
	  move-*) exec qemu-tests/scenarios/move.sh $(S:move-%=%);; \
	  *) echo "no scenario $(S); there are: $(SCENARIOS) $(BESIDE) $(ALONE) and move-NAME" >&2; exit 2;; esac; exec $$f

# The floods of `hostile` are short here, and moves are few; `make scenario S=hostile` and `make moves` play them in full.
scenarios: export NTM_FLOOD_S := $(or $(NTM_FLOOD_S),10)
scenarios: export NTM_REPEATS := $(or $(NTM_REPEATS),2)
scenarios: daemons ## every namespace scenario
	@qemu-tests/run.sh --beside '$(BESIDE)' $(SCENARIOS) -- $(ALONE)

ui-shots: ## a picture of every page, on a phone and a desk, light and dark, in a world with traffic: dist/ui
	@qemu-tests/bootstrap.sh --browser
	@$(MAKE) --no-print-directory daemons
	@qemu-tests/scenarios/ui-shots.sh

moves: ## [M='NAME...'] [NTM_REPEATS=20]: every kind of move under traffic, beside others; docs/moves.svg (half an hour)
	@qemu-tests/bootstrap.sh --peers
	@$(CARGO) build --quiet -p ntm-link --bins
	@[ -n "$${NTM_BIN_DIR:-}" ] || $(CARGO) build --release $(PACKAGES) --bins
	@NTM_BIN_DIR="$${NTM_BIN_DIR:-$$(realpath $(TARGET))/release}" qemu-tests/moves.sh $(M)

bench: ## [P='NAME...'] [NTM_ROUNDS=5]: throughput, cost and round trips of the tunnel beside others; docs/benchmarks.md (an hour)
	@qemu-tests/bootstrap.sh --bench
	@$(CARGO) build --quiet -p ntm-link --bins
	@[ -n "$${NTM_BIN_DIR:-}" ] || $(CARGO) build --release $(PACKAGES) --bins
	@NTM_BIN_DIR="$${NTM_BIN_DIR:-$$(realpath $(TARGET))/release}" qemu-tests/bench.sh $(P)

qemu-image: ## [ARCH=aarch64|mipsel] [ARCH_B=...] a router's disk with our daemons, for qemu: dist/qemu/router-ARCH.qcow2 (NTM_BIN_DIR, or the release build)
	@for arch in "$${ARCH:-}" $(ARCH_B); do ARCH=$$arch qemu-tests/bootstrap.sh --qemu; done
	@[ -n "$${NTM_BIN_DIR:-}" ] || $(CARGO) build --release $(PACKAGES) --bins
	@qemu-tests/machine/image.sh $(ARCH)
	@[ "$${ARCH_B:-$(ARCH)}" = "$(ARCH)" ] || NTM_ROUTER_BIN_DIR= qemu-tests/machine/image.sh $(ARCH_B)

qemu-test: qemu-image ## [NTM_ACTS='NAME...'] two such routers in qemu, without KVM: story, moves, upgrade, crash, clock, power cut (5 minutes)
	@qemu-tests/bootstrap.sh
	@NTM_BIN_DIR="$${NTM_BIN_DIR:-$$(realpath $(TARGET))/release}" qemu-tests/machine/test.sh

bench-qemu: qemu-image ## [NTM_REPEATS=5] [NTM_LOSS=1%] the car's change of network in such routers, ours beside the kernel's WireGuard
	@qemu-tests/bootstrap.sh
	@NTM_BIN_DIR="$${NTM_BIN_DIR:-$$(realpath $(TARGET))/release}" qemu-tests/machine/bench.sh

bench-operator: ## what the operator's pages take from a store of 100,000 nodes; fails past 100 ms
	@$(CARGO) test --quiet --release -p ntm-dc --bin ntm-dc a_hundred_thousand -- --ignored --nocapture

daemons: ## the daemons as the scenarios run them (development build)
	@$(CARGO) build --quiet $$(test -n "$${NTM_BIN_DIR:-}" || echo $(PACKAGES)) -p ntm-link --bins

build: ## the daemons, release
	@qemu-tests/bootstrap.sh
	$(CARGO) build --release $(PACKAGES) --bins

size: ## [T='TARGET...'] what each program takes on each router CPU, by crate, and its budget (minutes for each CPU)
	@cross/size.sh $(T)

package: ## ARCH=NAME, as OpenWrt calls the CPU (mips_24kc): an .ipk and an .apk of each package in dist/NAME
	@test -n "$(ARCH)" || { . cross/targets.sh; echo "for which? make package ARCH=NAME, NAME one of: $$ARCHES" >&2; exit 2; }
	@cross/package.sh $(ARCH)

packages: ## the packages for every router CPU, and a table of their sizes (minutes for each CPU)
	@cross/package.sh

test-openwrt: ## the feed: init scripts on BusyBox and stand-ins, LuCI's pages, the Makefiles (a minute; builds nothing)
	@openwrt/tests/run.sh

test-package: ## what packs the packages (seconds; builds nothing)
	@/usr/bin/python3 -B -m unittest discover -v -s openwrt/package

cross-test: ## [T='TARGET...'] the daemons' versions and the wire's unit tests on each router CPU, under QEMU (minutes for each CPU)
	@cross/run.sh $(T)

test-feed-build: ## the daemons as OpenWrt's packages feed builds them (its profile, for musl as a shared library), and whether they run (half an hour)
	@cross/feed.sh

check: ## format, lints, licences, documentation: all without a warning
	@qemu-tests/bootstrap.sh
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@# Each by itself, as a feed builds them: in the workspace one has the features that another asks for.
	@for crate in ntm-dc ntm-relay ntm-gateway; do $(CARGO) check --quiet -p $$crate --bins; done
	@$(CARGO) metadata --locked --format-version 1 | cross/msrv.py
	@! grep -rnE 'Atomic[UI]64' --include='*.rs' proto enrolment lan-dhcp udp-trains webui gateway dc relay || \
	  { echo '32-bit MIPS has no atomics of 64 bits: 32, or a lock' >&2; exit 1; }
	@if $(CARGO) deny --version >/dev/null 2>&1; \
	then $(CARGO) deny check licenses bans sources; \
	else echo '!!! SKIPPED: cargo deny is not installed, so licences, bans and sources were NOT checked !!!' >&2; fi
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items
	@for f in .ci/run fuzz/run.sh fuzz/rustc-wrapper $$(find qemu-tests cross openwrt/tests -name '*.sh' -not -path '*/machine/router/*' -not -path '*/mocks/*'); do bash -n $$f; done
	@if command -v shellcheck >/dev/null; then qemu-tests/machine/shellcheck.sh && \
	  shellcheck -x $$(find qemu-tests cross -name '*.sh' -not -path '*/machine/router/*') .ci/run fuzz/run.sh fuzz/rustc-wrapper; \
	else echo 'shellcheck is not installed: scripts were only parsed' >&2; fi

fuzz: ## TARGET=NAME SECONDS=N RUNS=N: coverage-guided search for inputs that break something, and a table
	@fuzz/run.sh $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RUNS),--runs $(RUNS)) \
	  $(if $(filter command,$(origin TARGET)),--target $(TARGET))

bench-datapath: ## packets per second through one gateway's data path
	$(CARGO) run --release -p ntm-gateway --example bench-datapath

bench-scale: ## a thousand tunnels and a hundred thousand flows on one gateway: cost of a packet, memory of a peer and a device
	$(CARGO) run --release -p ntm-gateway --example bench-scale

# One scenario on release daemons.
bench-idle: ## [NTM_IDLE_S=300] wake-ups and WAN bytes of a gateway that nobody uses
bench-cold: ## [NTM_REPEATS=9] from a name that nobody has asked for to the first answer, in round trips
bench-memory: ## [NTM_LOAD_S=10] 50 devices and 10 tunnels in a cgroup of 64 MiB: idle, under load, in an outage
bench-idle bench-cold bench-memory:
	@qemu-tests/bootstrap.sh --load
	@$(CARGO) build --quiet -p ntm-link --bins
	@[ -n "$${NTM_BIN_DIR:-}" ] || $(CARGO) build --release $(PACKAGES) --bins
	@NTM_BIN_DIR="$${NTM_BIN_DIR:-$$(realpath $(TARGET))/release}" qemu-tests/scenarios/$@.sh

bench-icount: ## [UPDATE=1] instructions per packet of the data path, next to those kept in docs/icount.json
	@command -v valgrind >/dev/null || { echo "valgrind is missing: apt-get install valgrind" >&2; exit 1; }
	@$(CARGO) build --quiet --release -p ntm-gateway --example count-datapath
	@UPDATE=$(UPDATE) qemu-tests/tools/icount.py $(TARGET)/release/examples/count-datapath docs/icount.json

clean: ## removes what was built, and worlds left over
	$(CARGO) clean
	rm -rf qemu-tests/out

.PHONY: help demo demo-play test test-rust sim sim-moves scenario scenarios ui-shots moves bench daemons build size qemu-image qemu-test bench-qemu package packages test-openwrt test-package cross-test test-feed-build check fuzz bench-datapath bench-scale bench-idle bench-cold bench-memory bench-icount clean
