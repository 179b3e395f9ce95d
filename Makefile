# make run [ARGS=--once]     build, start the local stack, one real request to each service, stay until Ctrl-C
# make test                  everything that must hold before a change is merged
# make bench [ARGS="--seconds 5 --soak-minutes 1"]   the benchmarks, in release builds: tests/bench
# make sample-data ROWS=200000 [OUT=sample-data] [SEED=1] [FORMAT=csv|xlsx|json]
# make fmt                   format the code
# make sqlx-prepare          renew the metadata of the checked queries after a change of SQL or schema

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: run test bench sample-data fmt sqlx-prepare deny

export PATH := $(HOME)/.cargo/bin:$(PATH)
TOOLS := $(CURDIR)/.dev/tools
BIN := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug

ARGS ?=
ROWS ?= 1000
SEED ?= 1
FORMAT ?= csv
OUT ?= sample-data

# The development profile, so that `make test` finds its dependencies compiled.
run:
	@deploy/local/prerequisites $(if $(REDIS_URL),,redis-server)
	echo "building (some minutes the first time)"
	cargo build --locked -p local-stack -p reconciliation -p msepi05-proxy -p gda-audit -p caps-sandbox
	exec "$(BIN)/garant-local" run $(ARGS)

sample-data:
	@deploy/local/prerequisites
	cargo build --locked -p local-stack
	exec "$(BIN)/garant-local" sample-data --rows $(ROWS) --seed $(SEED) --format $(FORMAT) --out "$(OUT)"

# From the quickest to find fault to the slowest. All targets are built before any test runs: tests start the
# services' binaries. Clippy compiles the dependencies' metadata apart from the build's: a cold run pays for both.
test:
	@deploy/local/prerequisites redis-server
	set -x
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo build --workspace --all-targets --locked
	cargo test --workspace --locked
	{ set +x; } 2>/dev/null
	$(MAKE) --no-print-directory deny
	echo
	if [ -z "$${GARANT_TEST_DATA:-}" ]; then
		echo "left out: tests on real editions of official lists (GARANT_TEST_DATA names no directory with them)"
	fi
	echo "make test: all passed."

bench:
	@deploy/local/prerequisites redis-server
	cargo build --release --locked -p garant-bench -p msepi05-proxy -p gda-audit -p caps-sandbox
	exec "$(dir $(BIN))release/garant-bench" msepi05-proxy $(ARGS)

deny:
	@if [ "$$("$(TOOLS)/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny 0.20.2" ]; then
		echo "installing cargo-deny 0.20.2 into .dev/tools"
		cargo install --quiet --locked --debug --root "$(TOOLS)" cargo-deny@0.20.2
	fi
	"$(TOOLS)/bin/cargo-deny" --locked check bans licenses sources

fmt:
	cargo fmt --all

sqlx-prepare:
	@if [ "$$("$(TOOLS)/bin/sqlx" --version 2>/dev/null)" != "sqlx-cli 0.9.0" ]; then
		echo "installing sqlx-cli 0.9.0 into .dev/tools"
		cargo install --quiet --locked --debug --root "$(TOOLS)" sqlx-cli@0.9.0 \
			--no-default-features --features postgres,rustls,sqlx-toml
	fi
	export PATH="$(TOOLS)/bin:$$PATH" SQLX_OFFLINE=false
	cargo run --quiet --locked -p testkit --example with-postgres -- bash -euc '
		for part in crates/identity crates/jobs services/reconciliation services/gda-audit; do
			(cd "$$part" && sqlx migrate run)
		done
		cargo sqlx prepare --workspace -- --all-targets'
