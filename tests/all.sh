#!/usr/bin/env bash
# Everything that must hold: formatting, lints, all tests, the documentation, the crate without std.
# Installs what is missing. `bash tests/all.sh` is the one command; CI calls it, too.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

if ! command -v cargo >/dev/null; then
  step "install Rust"
  if command -v rustup >/dev/null; then
    rustup toolchain install stable --profile minimal
  else
    apt-get update -qq && apt-get install -y -qq rustup git && rustup default stable
  fi
fi
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings

step "without the standard library"
cargo check --quiet --no-default-features
rustup target list --installed 2>/dev/null | grep -q '^wasm32-unknown-unknown$' ||
  rustup target add wasm32-unknown-unknown
cargo check --quiet -p dotted-wasm --target wasm32-unknown-unknown

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --features quickcheck

step "tests"
cargo test --workspace --all-features
