// How long it takes from nothing to the first usable object, in a process of its own: the best of several.
import { execFileSync } from "node:child_process";

const first = {
  "dotted-crdt": 'const { OrSet } = await import("../dist/node.js"); new OrSet().add(1);',
  "dotted-crdt/inline": 'const { OrSet } = await import("../dist/inline.js"); new OrSet().add(1);',
  yjs: 'const Y = await import("yjs"); new Y.Doc().getMap("m").set("k", 1);',
  "loro-crdt": 'const { LoroDoc } = await import("loro-crdt"); new LoroDoc().getMap("m").set("k", 1);',
  automerge: 'const A = await import("@automerge/automerge"); A.from({ k: 1 });',
};

console.log("| to the first object in Node | ms |\n|---|---|");
for (const [name, code] of Object.entries(first)) {
  const source = `const start = performance.now(); ${code} console.log(performance.now() - start);`;
  const options = { cwd: import.meta.dirname, encoding: "utf8" };
  const times = Array.from({ length: 7 }, () =>
    Number(execFileSync(process.execPath, ["--input-type=module", "--eval", source], options)),
  );
  console.log(`| ${name} | ${Math.min(...times).toFixed(1)} |`);
}
