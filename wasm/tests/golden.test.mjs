// The golden vectors of the Rust crate: what was written once is read for ever.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { CrdtError, decodeVersion, Store } from "../dist/node.js";

const folder = new URL("../../tests/golden/", import.meta.url);
const golden = (name) => Uint8Array.from(Buffer.from(readFileSync(new URL(name, folder), "utf8").replace(/\s/g, ""), "hex"));
const failsWith = (code) => (error) => error instanceof CrdtError && error.code === code;

test("the golden state of a store is read, shown and written again", () => {
  const store = new Store({ state: golden("store.state") });
  assert.deepEqual(store.encode(), golden("store.state"));
  assert.deepEqual(store.canonical(), golden("store.view"));
  assert.deepEqual(store.toJSON(), {
    register: { title: "Notes" },
    "multi-register": { colour: [null] },
    flag: { open: true },
    set: { cart: [5, 1.5, true, [1, -1]] },
    map: { prices: { milk: { $bytes: "010203" }, tea: { yen: 300 } } },
    record: { ana: { email: "ana@example.com", phone: "2" } },
  });
  const conflicts = store.conflicts().map(({ name, kind, key, cause }) => [name, kind, key, cause]);
  assert.deepEqual(conflicts, [
    ["ana", "record", "phone", "update-delete"],
  ]);
});

test("the golden state of a store with a bounded counter is read, shown and written again", () => {
  const store = new Store({ state: golden("bounded_counter_in_store.state") });
  assert.deepEqual(store.encode(), golden("bounded_counter_in_store.state"));
  assert.deepEqual(store.canonical(), golden("bounded_counter_in_store.view"));
  assert.deepEqual(store.toJSON(), { "bounded-counter": { stock: 70 }, register: { title: "notes" } });
  assert.deepEqual(store.boundedCounter("stock").holders().map(({ rights }) => rights), [0, 70]);
});

test("the golden state of a store with a ledger and claims is read, shown and written again", () => {
  const store = new Store({ state: golden("facts_in_store.state") });
  assert.deepEqual(store.encode(), golden("facts_in_store.state"));
  assert.deepEqual(store.canonical(), golden("facts_in_store.view"));
  assert.equal(store.ledger("payments").balance("ben"), (63 * 64) / 2 + 1);
  const [one, two, three] = [1, 2, 3].map((number) => `00000000-0000-0000-0000-00000000000${number}`);
  assert.deepEqual(store.ledger("payments").get({ client: one, number: 5 }), { state: "folded" });
  assert.deepEqual(store.claims("seats").standing(), [{ resource: "12A", member: two, round: 0 }]);
  assert.equal(store.claims("seats", { members: [one, two, three] }).seat("12A").state, "confirmed");
});

test("the golden delta of a store fits a store that knows its base, and no other", () => {
  const store = new Store();
  assert.throws(() => store.apply(golden("store.delta")), failsWith("gap"));
  assert.deepEqual(store.names(), []);
  store.apply(golden("store.state"));
  assert.equal(store.apply(golden("store.delta")).changed, false);
});

test("golden version vectors are read", () => {
  const store = new Store();
  const clock = decodeVersion(store, golden("version"));
  assert.equal(Object.keys(clock).length > 1, true);
  assert.deepEqual(decodeVersion(store, golden("version_empty")), {});
  assert.deepEqual(store.version(), golden("version_empty"));
});

test("the golden record of a writer is resumed", () => {
  const store = new Store({ writer: golden("writer") });
  assert.deepEqual(store.writerRecord(), golden("writer"));
});

test("all other golden files are refused with a code, and change nothing", () => {
  const store = new Store({ state: golden("store.state") });
  const before = store.encode();
  const codes = new Set();
  for (const name of readdirSync(folder)) {
    if (/(^|_in_)store\.(state|delta)$|\.jsonl$/.test(name)) continue;
    assert.throws(() => store.apply(golden(name)), (error) => {
      assert.ok(error instanceof CrdtError, name);
      codes.add(error.code);
      return error.code === (/\.(state|delta)$/.test(name) ? "wrong-type" : "wrong-kind") || name.startsWith("stored");
    }, name);
  }
  assert.deepEqual(store.encode(), before);
  assert.ok(codes.has("wrong-type") && codes.has("wrong-kind"));
});
