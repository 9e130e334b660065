#!/usr/bin/env bash
# The adapters in Node, and the demo in a real browser. Installs what is missing. The package must be built.
# Where there is no Chromium and none can be installed, the browser is left out, and that is said.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ -f dist/sync.js ] || bash build.sh
[ -d node_modules/playwright-core ] || npm ci --no-audit --no-fund --loglevel=error
. tests/browser/chromium.sh

node --test tests/adapters/*.test.mjs
if [ -z "$CHROMIUM" ]; then
  echo "NOT TESTED: there is no Chromium. Install it, or name one in CHROMIUM." >&2
  exit 0
fi
# One browser at a time.
node --test --test-concurrency=1 tests/browser/*.test.mjs
