#!/usr/bin/env bash
# Builds the package and tests it: sizes, types, everything in Node, and in Chromium the bindings, the entries and the
# demo. `DOTTED_WASM_HISTORIES` says how many recorded histories are played in both worlds (10,000).
set -euo pipefail
cd "$(dirname "$0")"

bash build.sh

printf '\n== wasm: types\n'
node_modules/.bin/tsc -p tsconfig.json
node_modules/.bin/tsc -p tests/tsconfig.json

printf '\n== wasm: no build path is left\n'
for path in "$PWD" "${CARGO_HOME:-$HOME/.cargo}" "$(rustc --print sysroot)"; do
  if grep -qaF "$path" dist/dotted.wasm dist/*.js; then
    echo "the package holds the path $path" >&2
    exit 1
  fi
done

printf '\n== wasm: tests\n'
node --test tests/*.test.mjs

printf '\n== wasm: the bindings in Chromium\n'
bash tests/bindings/run.sh

printf '\n== wasm: adapters, and the demo in Chromium\n'
bash tests/browser/run.sh
