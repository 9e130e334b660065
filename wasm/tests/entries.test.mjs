// Every entry gives the same classes, ready when it says so.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const dist = new URL("../dist/", import.meta.url);

/** Runs a module of its own. */
function run(source, type = "module") {
  const options = { cwd: dist.pathname, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  return execFileSync(process.execPath, [`--input-type=${type}`, "--no-warnings", "--eval", source], options).trim();
}

test("before it is ready a class says so, and afterwards it works", () => {
  const source = `
    import { OrSet, init, ready } from "dotted-crdt/slim";
    import { readFileSync } from "node:fs";
    const codes = [];
    for (const call of [() => new OrSet()]) try { call(); } catch (error) { codes.push(error.code); }
    await init(new Uint8Array(8)).catch((error) => codes.push(error.code));
    await init(Promise.resolve(readFileSync("dotted.wasm")));
    await ready;
    console.log(codes.join(), new OrSet().add(1).size);`;
  assert.equal(run(source), "not-ready,not-ready 1");
});

test("files of different releases are told apart, and the right one still works", () => {
  const source = `
    import { OrSet, initSync } from "dotted-crdt/slim";
    import { readFileSync } from "node:fs";
    const right = readFileSync("dotted.wasm");
    const other = Buffer.from(right);
    for (let at = other.indexOf("interface_"); at >= 0; at = other.indexOf("interface_", at + 1)) other[at + 10] = 0x30;
    let told;
    try { initSync(other); } catch (error) { told = error.code + " " + /interface_1.*interface_0/.test(error.message); }
    try { new OrSet(); } catch (error) { told += " " + error.code; }
    initSync(right);
    console.log(told, new OrSet().add(1).size);`;
  assert.equal(run(source), "wrong-release true not-ready 1");
});

test("both sides have the same number of the interface, and the same numbers of what can be asked for", () => {
  const read = (file) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  assert.equal(/"(interface_\d+)"/.exec(read("src/lib.rs"))[1], /"(interface_\d+)"/.exec(read("ts/core.ts"))[1]);
  const camel = (name) => name.toLowerCase().replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase());
  const rust = [...read("src/names.rs").matchAll(/pub mod (\w+) \{([^}]*)\}/g)];
  for (const [, name, body] of rust) {
    const numbers = [...body.matchAll(/const (\w+): u8 = (\d+)/g)];
    const list = new RegExp(`const enum ${camel(name)} \\{([^}]*)\\}`).exec(read("ts/names.ts"))[1];
    const here = [...list.matchAll(/(\w+)(?: = 1)?,/g)].map(([, name]) => name);
    assert.deepEqual(numbers.map(([, name]) => camel(name)), here);
    assert.deepEqual(numbers.map(([, , number]) => Number(number)), here.map((_, at) => at + 1));
  }
  assert.ok(rust.length >= 5);
});

test("the inline entry needs no file and no waiting", () => {
  assert.equal(run(`import { OrSet } from "dotted-crdt/inline"; console.log(new OrSet().add(1).size)`), "1");
});

test("require works where Node can require modules", () => {
  assert.equal(run(`const { OrSet } = require("dotted-crdt"); console.log(new OrSet().add(1).size)`, "commonjs"), "1");
});

test("the web entry loads its file by its own address", () => {
  const source = `
    import { readFile } from "node:fs/promises";
    globalThis.fetch = async (url) => new Response(await readFile(url), { headers: { "content-type": "application/wasm" } });
    const { OrSet, ready } = await import("dotted-crdt/web");
    await ready;
    console.log(new OrSet().add(1).size);`;
  assert.equal(run(source), "1");
  const failing = `
    globalThis.fetch = async () => new Response("", { status: 404 });
    const { ready } = await import("dotted-crdt/web");
    await ready.catch((error) => console.log(error.code));`;
  assert.equal(run(failing), "not-ready");
});

test("all entries have the same classes", async () => {
  const [node, inline, slim] = await Promise.all(["node", "inline", "slim"].map((name) => import(`../dist/${name}.js`)));
  assert.equal(node.OrSet, inline.OrSet);
  assert.equal(node.CrdtError, slim.CrdtError);
});

test("the package lists files that are there, types first", () => {
  const manifest = JSON.parse(readFileSync(new URL("package.json", dist), "utf8"));
  for (const [path, target] of Object.entries(manifest.exports)) {
    const targets = typeof target === "string" ? { default: target } : target;
    if (path.startsWith("./dotted") || path === "./package.json") assert.equal(Object.keys(targets)[0], "default");
    else assert.equal(Object.keys(targets)[0], "types");
    for (const file of Object.values(targets)) readFileSync(new URL(file, dist));
  }
});
