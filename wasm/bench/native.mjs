// Bulk work in WebAssembly next to the same work in native code (`examples/speed.rs`), in nanoseconds for each item.
import { execFileSync } from "node:child_process";

import { LwwMap, OrSet } from "../dist/node.js";

const ITEMS = 100_000;
const RUNS = 9;
const numbers = Array.from({ length: ITEMS }, (_, at) => at);
const texts = numbers.map((number) => `key-${number}`);
const now = () => 1_700_000_000_000;

function measure(prepare, run) {
  let best = Infinity;
  for (let round = 0; round < RUNS; round++) {
    const prepared = prepare();
    const start = performance.now();
    const result = run(prepared);
    best = Math.min(best, ((performance.now() - start) * 1e6) / ITEMS);
    prepared?.free?.();
    if (result !== prepared) result?.free?.();
  }
  return best;
}

const full = new OrSet();
full.addAll(texts);
const state = full.encode();
const delta = full.encodeSince(new OrSet().version());
const entries = texts.map((text) => [text, 1]);
const here = {
  "set: add integers": measure(() => new OrSet({ now }), (set) => set.addAll(numbers)),
  "set: add texts": measure(() => new OrSet({ now }), (set) => set.addAll(texts)),
  "map: set numbers": measure(() => new LwwMap({ now }), (map) => map.setAll(entries)),
  "set: read all": measure(() => undefined, () => full.toArray()),
  encode: measure(() => undefined, () => full.encode()),
  load: measure(() => undefined, () => new OrSet({ state })),
  "merge into nothing": measure(() => new OrSet(), (set) => (set.merge(full), set)),
  "apply a delta": measure(() => new OrSet(), (set) => (set.apply(delta), set)),
};
const cargo = ["run", "-q", "--release", "-p", "dotted-wasm", "--example", "speed"];
const out = execFileSync("cargo", cargo, { cwd: new URL("../..", import.meta.url), encoding: "utf8" });
const native = Object.fromEntries(out.trim().split("\n").map((line) => line.split("\t")));

console.log("| 100,000 items, ns each | native | WebAssembly | of native speed |");
console.log("|---|---|---|---|");
for (const [name, time] of Object.entries(here)) {
  const share = (Number(native[name]) / time) * 100;
  console.log(`| ${name} | ${native[name]} | ${time.toFixed(1)} | ${share.toFixed(0)} % |`);
}
