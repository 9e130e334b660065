// Names the functions of a module so that, in the order of their names, like stands beside like: what gzip finds again is
// what was there within its window of 32 kB. `node order.mjs in.wasm out.wasm`, then `wasm-opt --reorder-functions-by-name`.
import { readFileSync, writeFileSync } from "node:fs";

const WINDOW = 32_768;
// How many bytes in a row are compared. With fewer, what is alike by chance counts; with more, little is alike.
const LENGTH = 6;
// What each has of its own, in bytes: of two that are alike, the longer one goes first.
const OWN = 40;
const [CUSTOM, IMPORT, CODE] = [0, 2, 10];

const module = readFileSync(process.argv[2]);
let at = 8;
function number() {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = module[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}
const leb = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(Math.floor(value / 128))]);

// What there is: how many functions are imported, and the bytes of the others.
let imported = 0;
const bodies = [];
while (at < module.length) {
  const section = module[at++];
  const end = number() + at;
  if (section === IMPORT) {
    for (let left = number(); left > 0; left--) {
      at = number() + at;
      at = number() + at;
      if (module[at++] !== 0) throw new Error("an import that is no function");
      number();
      imported++;
    }
  } else if (section === CODE) {
    for (let left = number(); left > 0; left--) {
      const length = number();
      bodies.push(module.subarray(at, at + length));
      at += length;
    }
  }
  at = end;
}

// Each run of bytes that stands in more than one place has a number.
const numbers = new Map();
const runs = bodies.map((body) => {
  const list = [];
  for (let start = 0; start + LENGTH <= body.length; start++) {
    const run = body.latin1Slice(start, start + LENGTH);
    if (!numbers.has(run)) numbers.set(run, numbers.size);
    list.push(numbers.get(run));
  }
  return Uint32Array.from(list);
});

// One after the other, that one next of which the window has the most.
const within = new Uint32Array(numbers.size);
const left = new Set(bodies.keys());
const order = [];
let [oldest, size] = [0, 0];
while (left.size > 0) {
  let [next, most] = [-1, -1];
  for (const index of left) {
    let known = 0;
    for (const run of runs[index]) if (within[run] > 0) known++;
    const share = known / (bodies[index].length + OWN);
    if (share > most) [next, most] = [index, share];
  }
  left.delete(next);
  order.push(next);
  for (const run of runs[next]) within[run]++;
  size += bodies[next].length;
  for (; size > WINDOW; oldest++) {
    for (const run of runs[order[oldest]]) within[run]--;
    size -= bodies[order[oldest]].length;
  }
}

const names = Array(bodies.length);
order.forEach((index, place) => (names[index] = Buffer.from(String(place).padStart(6, "0"))));
const entries = names.map((name, index) => Buffer.from([...leb(imported + index), ...leb(name.length), ...name]));
const map = Buffer.concat([Buffer.from(leb(names.length)), ...entries]);
const content = Buffer.concat([Buffer.from([4, ...Buffer.from("name"), 1, ...leb(map.length)]), map]);
writeFileSync(process.argv[3], Buffer.concat([module, Buffer.from([CUSTOM, ...leb(content.length)]), content]));
