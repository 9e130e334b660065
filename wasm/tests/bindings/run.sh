#!/usr/bin/env bash
# The Rust side of the boundary, in a real browser. `build.sh` has installed the runner beside the tool.
# Where there is no Chromium with its driver and none can be installed, this is left out, and that is said.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$root/Cargo.lock")
runner=$target/tools/wasm-bindgen-$version/bin/wasm-bindgen-test-runner
[ -x "$runner" ] || bash build.sh
. tests/browser/chromium.sh
if [ -z "$CHROMIUM" ] || [ -z "$CHROMEDRIVER" ]; then
  echo "NOT TESTED: there is no Chromium with its driver. Install both, or name them in CHROMIUM and CHROMEDRIVER." >&2
  exit 0
fi

# What the driver is told: which browser, its flags, and a profile that nobody has used.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
node --input-type=module - "$scratch/profile" > "$scratch/webdriver.json" <<'JS'
import { FLAGS } from "./tests/browser/flags.mjs";
const args = [...FLAGS, `--user-data-dir=${process.argv[2]}`];
console.log(JSON.stringify({ "goog:chromeOptions": { binary: process.env.CHROMIUM, args } }));
JS

# Beside all other builds for this target, so that what is there already is not made again.
WASM_BINDGEN_TEST_WEBDRIVER_JSON=$scratch/webdriver.json \
  WASM_BINDGEN_TEST_ONLY_WEB=1 WASM_BINDGEN_TEST_TIMEOUT=120 WASM_BINDGEN_TEST_DRIVER_TIMEOUT=30 \
  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$runner \
  cargo test --manifest-path Cargo.toml --target wasm32-unknown-unknown --target-dir "$target" --test bindings
