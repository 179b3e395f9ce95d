# make run [ARGS=--once]     build, start the local stack, one real request to each service, stay until Ctrl-C
# make test                  everything that must hold before a change is merged
# make bench                 the benchmarks, in release builds: tests/bench. One of them, by its name:
#   [ARGS="msepi05-proxy --seconds 5 --soak-minutes 1"], [ARGS=secure-consumer] or [ARGS=screening], which needs
#   GARANT_TEST_DATA
# make quality [ARGS="--misses Hangul"]   how well the screening finds, by class of variation; needs GARANT_TEST_DATA
# make accuracy [ARGS=--all]  how right secure-consumer's checks are on the vectors of open packages' own tests
# make sample-data ROWS=200000 [OUT=sample-data] [SEED=1] [FORMAT=csv|xlsx|json]
# make fmt                   format the code
# make sqlx-prepare          renew the metadata of the checked queries after a change of SQL or schema

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: run test bench quality accuracy sample-data fmt sqlx-prepare deny

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
	cargo build --locked -p local-stack -p reconciliation -p msepi05-proxy -p gda-audit -p secure-consumer \
		-p caps-sandbox -p outside-sandbox
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

# What the open tools that the screening is held against are compiled with; without it they are left out.
PEERS := g++ pkg-config libicu-dev python3-dev

bench:
	@deploy/local/prerequisites redis-server
	deploy/local/prerequisites $(PEERS) || true
	cargo build --release --locked -p garant-bench -p msepi05-proxy -p gda-audit -p secure-consumer -p caps-sandbox
	exec "$(dir $(BIN))release/garant-bench" $(ARGS)

quality:
	@deploy/local/prerequisites
	deploy/local/prerequisites $(PEERS) || true
	cargo build --release --locked -p garant-bench
	exec "$(dir $(BIN))release/garant-bench" quality $(or $(ARGS),--held-out)

accuracy:
	@deploy/local/prerequisites
	cargo build --release --locked -p garant-bench
	exec "$(dir $(BIN))release/garant-bench" accuracy $(ARGS)

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
		for part in crates/identity crates/jobs crates/webhooks services/reconciliation services/gda-audit \
				services/secure-consumer services/classifications; do
			(cd "$$part" && sqlx migrate run)
		done
		cargo sqlx prepare --workspace -- --all-targets'
