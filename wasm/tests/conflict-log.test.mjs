// The log of conflicts: what there was, by names that are the same in Rust.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ConflictLog, Store } from "../dist/node.js";

const folder = new URL("../../tests/golden/", import.meta.url);
const golden = (name) => Buffer.from(readFileSync(new URL(name, folder), "utf8").replace(/\s/g, ""), "hex");

function inConflict(keys = 1) {
  const [here, there] = [new Store(), new Store()];
  for (let key = 0; key < keys; key++) {
    here.map("prices").set(`item ${key}`, 1);
    there.map("prices").set(`item ${key}`, 2);
  }
  return [here, there];
}

test("its lines are those of the Rust crate", () => {
  const store = new Store({ state: new Uint8Array(golden("store.state")) });
  const now = () => 1_700_000_000_000;
  assert.equal(new ConflictLog(store, { now }).toJsonLines(), golden("conflicts.jsonl").toString());
  const hashed = new ConflictLog(store, { now, keys: { salt: 7 } });
  assert.equal(hashed.toJsonLines(), golden("conflicts_hashed.jsonl").toString());
  const [conflict] = store.conflicts();
  assert.equal(hashed.of(conflict).length, 1);
  assert.equal(hashed.of({ ...conflict, name: "another" }).length, 0);
});

test("what is taken in is noted, and stays when it is settled", () => {
  const [here, there] = inConflict();
  let now = 0;
  const log = new ConflictLog(here, { now: () => ++now });
  assert.equal(log.size, 0);
  here.merge(there);
  const [entry] = log;
  assert.deepEqual([entry.of, entry.name, entry.key, entry.cause, entry.noted], ["map", "prices", "item 0", "write-write", 1]);
  assert.deepEqual(entry.versions, here.conflicts()[0].versions);
  assert.deepEqual(log.unresolved(), [entry]);
  assert.deepEqual(log.get(entry.id), entry);
  // One more version is another conflict.
  const third = new Store();
  third.map("prices").set("item 0", 3);
  here.merge(third);
  assert.equal(log.size, 2);
  assert.deepEqual(log.unresolved().map(({ versions }) => versions.length), [3]);
  here.map("prices").set("item 0", 4);
  assert.deepEqual([log.unresolved(), log.size], [[], 2]);
  assert.deepEqual(log.counts(), { "write-write": 2, "insert-insert": 0, "update-delete": 0 });
  assert.deepEqual(log.of({ name: "prices", kind: "map", key: "item 0" }).map(({ noted }) => noted), [2, 1]);
  log.stop();
  third.map("prices").set("item 0", 5);
  here.merge(third);
  assert.equal(log.size, 2);
  assert.equal(here.conflict({ name: "prices", kind: "map", key: "item 0" }).versions.length, 2);
  assert.equal(here.conflict({ name: "prices", kind: "map", key: "none" }), undefined);
  assert.equal(here.conflict({ name: "prices", kind: "map", key: 7 }), undefined);
  assert.throws(() => here.conflict({ name: "prices", kind: "nothing" }), { code: "invalid-argument" });
});

test("it keeps as much as it was told", () => {
  const [here, there] = inConflict(5);
  const third = new Store();
  third.map("prices").set("item 0", 3);
  here.merge(there);
  here.merge(third);
  let now = 0;
  const log = new ConflictLog(here, { entries: 3, versions: 2, values: false, keys: "omitted", now: () => ++now });
  assert.deepEqual(log.entries().map(({ noted }) => noted), [5, 4, 3]);
  const lines = log.toJsonLines();
  assert.ok(!/prices|item/.test(lines));
  for (const line of lines.trimEnd().split("\n")) {
    assert.deepEqual(JSON.parse(line).versions.map(({ value }) => value), [null, null]);
  }
  const all = new ConflictLog(here, { versions: 2 });
  const [entry] = all.of({ name: "prices", kind: "map", key: "item 0" });
  assert.deepEqual([entry.versions.length, entry.omitted], [2, 1]);
  assert.throws(() => new ConflictLog(here, { entries: -1 }), { code: "invalid-argument" });
  for (const keys of [{ salt: 0.5 }, "hashed", null, {}]) {
    assert.throws(() => new ConflictLog(here, { keys }), { code: "invalid-argument" }, String(keys));
  }
  assert.equal(new ConflictLog(here, null).size, 5);
  assert.deepEqual(new ConflictLog(here, { versions: 0 }).entries().map(({ omitted }) => omitted).sort(), [2, 2, 2, 2, 3]);
  assert.equal(new ConflictLog(here, { entries: 0 }).size, 0);
  assert.throws(() => here.conflict(), { code: "invalid-argument" });
});

test("what others settle as soon as they are told was noted before", () => {
  const [here, there] = inConflict();
  here.subscribe(() => void here.resolveAll("latest"));
  const log = new ConflictLog(here);
  here.merge(there);
  assert.deepEqual([log.size, log.unresolved().length, here.conflicts().length], [1, 0, 0]);
});

test("integers are written in full, and keys in their order", () => {
  const [here, there] = [new Store(), new Store()];
  here.register("r").set({ 10: 1, 9: 2n ** 63n - 1n, b: [true, null, "ä"] });
  there.register("r").set({ $x: 1.5 });
  here.merge(there);
  const [line] = new ConflictLog(here).toJsonLines().split("\n");
  assert.ok(line.includes('"value":{"10":1,"9":9223372036854775807,"b":[true,null,"ä"]}'), line);
  assert.ok(line.includes('"value":{"$map":{"$x":1.5}}'), line);
});
