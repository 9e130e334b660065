// Bulk work in WebAssembly next to the same work in native code (`examples/speed.rs`), in nanoseconds for each item. They take
// turns, since other programs come and go, and of each the best run counts.
import { execFileSync } from "node:child_process";

import { LwwMap, OrSet } from "../dist/node.js";

const ITEMS = 100_000;
const RUNS = 5;
const TURNS = 8;
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
const measured = () => ({
  "set: add integers": measure(() => new OrSet({ now }), (set) => set.addAll(numbers)),
  "set: add texts": measure(() => new OrSet({ now }), (set) => set.addAll(texts)),
  "map: set numbers": measure(() => new LwwMap({ now }), (map) => map.setAll(entries)),
  "set: read all": measure(() => undefined, () => full.toArray()),
  encode: measure(() => undefined, () => full.encode()),
  load: measure(() => undefined, () => new OrSet({ state })),
  "merge into nothing": measure(() => new OrSet(), (set) => (set.merge(full), set)),
  "apply a delta": measure(() => new OrSet(), (set) => (set.apply(delta), set)),
});
const cargo = ["run", "-q", "--release", "-p", "dotted-wasm", "--example", "speed"];
const here = {};
const native = {};
for (let turn = 0; turn < TURNS; turn++) {
  const out = execFileSync("cargo", cargo, { cwd: new URL("../..", import.meta.url), encoding: "utf8" });
  const lines = out.trim().split("\n").map((line) => line.split("\t"));
  for (const [name, time] of lines) native[name] = Math.min(native[name] ?? Infinity, Number(time));
  for (const [name, time] of Object.entries(measured())) here[name] = Math.min(here[name] ?? Infinity, time);
}

console.log("| 100,000 items, ns each | native | WebAssembly | of native speed |");
console.log("|---|---|---|---|");
for (const [name, time] of Object.entries(here)) {
  const share = (native[name] / time) * 100;
  console.log(`| ${name} | ${native[name].toFixed(1)} | ${time.toFixed(1)} | ${share.toFixed(0)} % |`);
}
