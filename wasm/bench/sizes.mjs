// What the package and its peers weigh: all code that the main entry needs, bundled, minified and gzipped, and the wasm.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

const require = createRequire(import.meta.url);
const { build } = createRequire(new URL("../package.json", import.meta.url))("esbuild");
const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;

async function bundled(code) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    write: false,
    logLevel: "silent",
  });
  return gzip(outputFiles[0].contents);
}

const file = (path) => gzip(readFileSync(path.startsWith(".") ? new URL(path, import.meta.url) : path));
const wasm = (name, part) => file(`${require.resolve(name).replace(new RegExp(`(node_modules/${name}).*`), "$1")}/${part}`);

console.log("| gzip, bytes | JavaScript | WebAssembly |\n|---|---|---|");
console.log(`| dotted-crdt | ${await bundled('export * from "../dist/core.js"')} | ${file("../dist/dotted.wasm")} |`);
console.log(`| yjs | ${await bundled('export * from "yjs"')} | – |`);
console.log(`| loro-crdt | ${file(require.resolve("loro-crdt"))} | ${wasm("loro-crdt", "nodejs/loro_wasm_bg.wasm")} |`);
