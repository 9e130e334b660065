#!/usr/bin/env bash
# Everything that must hold: formatting, lints, all tests, the documentation, the crate without std, the npm package.
# Installs what is missing. `bash tests/all.sh` is the one command; CI calls it, too.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

install() { command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq "$@"; }
command -v git >/dev/null || install git
if ! command -v cargo >/dev/null; then
  step "install Rust"
  command -v rustup >/dev/null || install rustup || { echo "install Rust (rustup) first" >&2; exit 1; }
  rustup default stable
fi
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then install nodejs npm; fi
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings

step "without the standard library"
# On a target that has none.
bare=thumbv7em-none-eabi
rustup target list --installed 2>/dev/null | grep -q "^$bare\$" || rustup target add "$bare"
cargo check --quiet --no-default-features --target "$bare"

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --features quickcheck

step "npm package"
bash wasm/test.sh

step "tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --workspace --all-features 2>&1 | tee "$log"
# The closing line: what the runners above counted.
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "\n%d passed, %d failed\n", passed, failed }' "$log"
