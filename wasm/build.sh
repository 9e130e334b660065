#!/usr/bin/env bash
# Builds the npm package into wasm/dist, from a fresh machine on: Rust, the wasm-bindgen tool of exactly the version that
# the lock file has, Binaryen, esbuild and TypeScript. Everything comes from rustup, crates.io and npm. What is there
# already and has not changed is not made again.
set -euo pipefail
cd "$(dirname "$0")"

root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
dist=$PWD/dist

step() { printf '\n== wasm: %s\n' "$*"; }

step "tools"
rustup target list --installed 2>/dev/null | grep -q '^wasm32-unknown-unknown$' || rustup target add wasm32-unknown-unknown
# The standard library is built, too, for size: that takes its source.
[ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] || rustup component add rust-src

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$root/Cargo.lock")
bindgen=$target/tools/wasm-bindgen-$version
# It has little to do: not optimised, it is there in half the time.
[ -x "$bindgen/bin/wasm-bindgen" ] ||
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 cargo install --quiet wasm-bindgen-cli --version "$version" --root "$bindgen" --target-dir "$target/tools/build"

if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi

step "WebAssembly"
# Panics stop the instance without a word (the bindings raise none), and no build path stays in the file. Hash tables are
# searched sixteen lanes at once, which every engine can that can read the JavaScript beside it. Small functions are inlined
# early, where they are still generic; after that LLVM inlines less than it would, above all of what is marked `inline`,
# most of the standard library: a tenth smaller and as fast.
flags=(
  "--remap-path-prefix=$root=/dotted" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  "--remap-path-prefix=$(rustc --print sysroot)=/rust"
  -Ctarget-feature=+simd128 -Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none
  -Zinline-mir=yes -Cllvm-args=-inlinehint-threshold=50 -Cllvm-args=-inline-threshold=25
)
RUSTC_BOOTSTRAP=1 RUSTFLAGS="${flags[*]}" cargo build --quiet --manifest-path Cargo.toml --profile wasm \
  -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size \
  --target wasm32-unknown-unknown --target-dir "$target/wasm-package"
built=$target/wasm-package/wasm32-unknown-unknown/wasm/dotted_wasm.wasm

mkdir -p "$dist/glue"
# The tool version, the flags and the file decide what comes out.
stamp=$(cat "$built" build.sh order.mjs package-lock.json | sha256sum | cut -c 1-64)
if [ ! -f "$dist/dotted.wasm" ] || [ "$(cat "$dist/glue/.stamp" 2>/dev/null)" != "$stamp" ]; then
  "$bindgen/bin/wasm-bindgen" --target web --omit-default-module-path --out-dir "$dist/glue" --out-name dotted "$built"
  # Nothing is inlined, and like stands beside like: larger as it is, smaller as it travels. Below 1,024 bytes is the end of
  # the stack, where nothing lives.
  optimise() {
    node_modules/.bin/wasm-opt --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int \
      --enable-mutable-globals --enable-reference-types --enable-multivalue --enable-simd --low-memory-unused \
      --always-inline-max-function-size=0 --flexible-inline-max-function-size=0 --one-caller-inline-max-function-size=0 \
      -Oz --reorder-functions-by-name --strip-producers --strip-target-features "$@"
  }
  optimise -o "$dist/glue/optimised.wasm" "$dist/glue/dotted_bg.wasm"
  node order.mjs "$dist/glue/optimised.wasm" "$dist/glue/named.wasm"
  optimise --strip-debug -o "$dist/dotted.wasm" "$dist/glue/named.wasm"
  printf '%s' "$stamp" > "$dist/glue/.stamp"
fi

step "package"
node build.mjs
node size.mjs
