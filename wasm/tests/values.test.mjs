// What each class does, alone and between two replicas.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DwFlag, EwFlag, GCounter, LwwMap, LwwRegister, MvRegister, OrSet, PnCounter, ready, Store, VersionedRecord,
} from "../dist/node.js";

/** Both take in what the other one has. */
function exchange(a, b) {
  const [versionA, versionB] = [a.version(), b.version()];
  const [toB, toA] = [a.encodeSince(versionB), b.encodeSince(versionA)];
  a.apply(toA);
  b.apply(toB);
  assert.deepEqual(a.version(), b.version());
  assert.equal((a.store ?? a).stateHash(), (b.store ?? b).stateHash());
}

test("ready is there", () => ready);

test("a GCounter adds up", () => {
  const a = new GCounter();
  const b = new GCounter();
  a.increment();
  b.increment(41n);
  exchange(a, b);
  assert.equal(a.value, 42);
  assert.equal(b.bigValue, 42n);
  assert.equal(JSON.stringify(a), "42");
  assert.equal(a.decrement, undefined);
});

test("a PnCounter goes below zero, and a reset takes away what it saw", () => {
  const a = new PnCounter();
  const b = new PnCounter();
  a.increment(5);
  exchange(a, b);
  b.reset();
  a.decrement(7);
  exchange(a, b);
  assert.equal(a.value, -7);
  assert.equal(b.bigValue, -7n);
});

test("counts beyond the safe integers are there as bigint", () => {
  const a = new PnCounter();
  a.increment(2 ** 53 - 1);
  assert.equal(a.value, Number.MAX_SAFE_INTEGER);
  a.increment();
  assert.throws(() => a.value, { code: "overflow" });
  assert.equal(a.bigValue, 2n ** 53n);
  assert.equal(a.snapshot(), 2n ** 53n);
  assert.deepEqual(a.toJSON(), { $integer: "9007199254740992" });
  a.decrement(2n ** 64n - 1n);
  assert.equal(a.bigValue, 2n ** 53n - 2n ** 64n + 1n);
  assert.throws(() => a.decrement(1), { code: "overflow" });
  assert.equal(a.bigValue, 2n ** 53n - 2n ** 64n + 1n);
});

test("an LwwRegister shows the last write and keeps the others as a conflict", () => {
  const a = new LwwRegister({ now: () => 1 });
  const b = new LwwRegister({ now: () => 2 });
  assert.equal(a.value, undefined);
  a.set("first");
  b.set({ second: [1, null] });
  exchange(a, b);
  assert.deepEqual(a.value, { second: [1, null] });
  assert.deepEqual(a.versions().map(({ value, time }) => [value, time]).sort((x, y) => x[1] - y[1]), [["first", 1], [{ second: [1, null] }, 2]]);
  const [conflict, ...more] = a.conflicts();
  assert.deepEqual([conflict.kind, conflict.cause, more.length], ["register", "write-write", 0]);
  a.set("settled");
  exchange(a, b);
  assert.equal(b.value, "settled");
  assert.deepEqual(b.conflicts(), []);
  assert.equal(b.clear(), true);
  assert.equal(b.clear(), false);
});

test("an MvRegister shows all concurrent values", () => {
  const a = new MvRegister();
  const b = new MvRegister();
  a.set(1);
  b.set(2);
  exchange(a, b);
  assert.deepEqual([...a.values].sort(), [1, 2]);
  assert.equal(a.size, 2);
  assert.deepEqual(a.versions().map(({ value }) => value), a.values);
  a.set(3);
  assert.deepEqual(a.values, [3]);
});

test("an EwFlag is on in doubt, a DwFlag off", () => {
  for (const [Flag, inDoubt] of [[EwFlag, true], [DwFlag, false]]) {
    const a = new Flag();
    const b = new Flag();
    assert.equal(a.enabled, false);
    a.enable();
    exchange(a, b);
    assert.equal(b.enabled, true);
    a.disable();
    b.enable();
    exchange(a, b);
    assert.equal(a.enabled, inDoubt);
    assert.equal(b.enabled, inDoubt);
    b.disable();
    assert.equal(b.enabled, false);
    assert.equal(JSON.stringify(b), "false");
  }
});

test("an OrSet is like a Set, and adding wins", () => {
  const a = new OrSet();
  const b = new OrSet();
  assert.equal(a.add("milk").add("tea"), a);
  exchange(a, b);
  assert.equal(a.delete("milk"), true);
  assert.equal(a.delete("milk"), false);
  b.add("milk");
  exchange(a, b);
  assert.ok(a.has("milk") && b.has("milk"));
  assert.equal(a.size, 2);
  assert.deepEqual([...a], a.toArray());
  assert.deepEqual([...a.keys()], [...b.values()]);
  assert.deepEqual([...a.entries()], a.toArray().map((value) => [value, value]));
  const seen = [];
  a.forEach((value, same, set) => seen.push(value === same && set === a));
  assert.deepEqual(seen, [true, true]);
  assert.equal(a.deleteAll(["milk", "tea", "x"]), 2);
  assert.equal(a.size, 0);
  a.addAll(new Set([1, 2, 3])).clear();
  assert.deepEqual(a.toJSON(), []);
});

test("every sort of data is kept exactly", () => {
  const set = new OrSet();
  const values = [
    null, true, false, 0, 1, -1, 127, 128, -64, -65, 2 ** 31, -(2 ** 31), 2 ** 44 - 1, 2 ** 44, 2 ** 44 + 1, -(2 ** 44), -(2 ** 44) - 1,
    Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n),
    0.5, -0.1, 1e300, 5e-324, Infinity, -Infinity, NaN, 2 ** 53, 2 ** 70,
    "", "a", "\0", "\ufeffmark", "naïve", "日本語", "🦀", "x".repeat(23), "x".repeat(63), "x".repeat(64), "ü".repeat(64), "🦀".repeat(5000), "\u00ff".repeat(200),
    new Uint8Array(), new Uint8Array([0, 255, 128]), new Uint8Array(300).fill(7),
    [], [[]], [1, "a", null], {}, { a: 1 }, { b: { c: [] } }, JSON.parse('{"__proto__": {"x": 1}}'), { "": "", ü: [2n ** 60n] },
  ];
  for (const value of values) {
    set.add(value);
    assert.ok(set.has(value));
  }
  // The float 2^53 and the integer 2n ** 53n are two elements.
  assert.equal(set.size, values.length);
  const expected = values;
  assert.deepEqual(set.toArray(), expected);
  const copy = new OrSet({ state: set.encode() });
  assert.deepEqual(copy.toArray(), expected);
  assert.equal({}.x, undefined);
});

test("many come back as they were, whatever stands between them", () => {
  // Answers are decoded in windows: each sort of text, number and length is to stand at their ends, too.
  const kinds = [
    (at) => `key-${at}`,
    (at) => `${at} ü`,
    (at) => "x".repeat(at % 300) + at,
    (at) => at * 65,
    (at) => `🦀${"日本".repeat(at % 40)}${at}`,
    (at) => new Uint8Array([0xc3, at, at >> 8]),
    (at) => `${"\u00ff".repeat(at % 3)}${at}é`,
    (at) => [`list ${at}`, ~at, { [`ä${at}`]: `\0${at}` }],
    (at) => "y".repeat(4080 + at) + at,
    (at) => "z".repeat(at === 0 ? 20_000 : at) + at,
  ];
  for (let first = 0; first < kinds.length; first++) {
    for (let second = 0; second < kinds.length; second++) {
      const values = [];
      for (let at = 0; at < 150; at++) values.push(kinds[first](at), kinds[at % 7 === 0 ? second : first](at + 1000));
      const set = new OrSet().addAll(values);
      assert.deepEqual(new Set(set.toArray().map((value) => JSON.stringify(value))), new Set(values.map((value) => JSON.stringify(value))));
      const entries = values.map((value, at) => [typeof value === "string" ? value : `at ${at}`, value]);
      const map = new LwwMap().setAll(entries);
      assert.deepEqual(map.toObject(), Object.fromEntries(entries));
      assert.deepEqual([...map.keys()].sort(), Object.keys(Object.fromEntries(entries)).sort());
      set.free();
      map.free();
    }
  }
});

test("a bigint that is safe and minus zero are what they equal", () => {
  const set = new OrSet();
  set.add(5n).add(-0);
  assert.ok(set.has(5) && set.has(0));
  assert.deepEqual(set.toArray().map((value) => Object.is(value, -0)), [false, false]);
});

test("an LwwMap is like a Map", () => {
  const a = new LwwMap();
  const b = new LwwMap();
  assert.equal(a.set("milk", 1).set("tea", 2), a);
  exchange(a, b);
  assert.equal(b.get("milk"), 1);
  assert.equal(b.get("nothing"), undefined);
  assert.ok(b.has("tea") && !b.has("nothing"));
  assert.equal(b.delete("tea"), true);
  assert.equal(b.delete("tea"), false);
  a.set("tea", 3);
  exchange(a, b);
  assert.equal(b.get("tea"), 3);
  assert.equal(b.size, 2);
  assert.deepEqual(new Map(b), new Map([["milk", 1], ["tea", 3]]));
  assert.deepEqual([[...b.keys()], [...b.values()]], [["milk", "tea"], [1, 3]]);
  a.setAll({ x: 1, y: 2 }).setAll([["z", 3], ["z", 4]]);
  assert.equal(a.deleteAll(["x", "y", "-"]), 2);
  assert.deepEqual(a.toObject(), { milk: 1, tea: 3, z: 4 });
  assert.equal(JSON.stringify(a), '{"milk":1,"tea":3,"z":4}');
  a.set("__proto__", 1).set("$x", 2);
  assert.equal(Object.getPrototypeOf(a.toObject()), Object.prototype);
  assert.deepEqual(Object.keys(a.toJSON()), ["$map"]);
  a.clear();
  assert.equal(a.size, 0);
});

test("a VersionedRecord shows an update against a deletion as a conflict", () => {
  const a = new VersionedRecord();
  const b = new VersionedRecord();
  a.setAll({ email: "ana@example.com", phone: "1" });
  exchange(a, b);
  a.clear();
  assert.equal(a.size, 0);
  b.set("phone", "2");
  exchange(a, b);
  assert.deepEqual(a.toObject(), { email: "ana@example.com", phone: "2" });
  const [conflict] = a.conflicts().filter(({ key }) => key === "phone");
  assert.equal(conflict.cause, "update-delete");
  assert.deepEqual(conflict.versions.map(({ value, deleted }) => [value, deleted]).sort(), [["1", true], ["2", false]]);
  a.set("phone", "2");
  assert.deepEqual(a.conflicts(), []);
  assert.equal(a.delete("email"), true);
  assert.equal(a.has("email"), false);
  assert.equal(a.versions("email").at(0).value, "ana@example.com");
  assert.equal(a.erase(), true);
  assert.equal(a.versions("email").at(0).value, undefined);
  assert.equal(a.purge(), true);
  assert.deepEqual(a.versions("email"), []);
});

test("a store keeps many names under one version", () => {
  const a = new Store();
  const b = new Store();
  a.batch(() => {
    a.set("cart").add("milk");
    a.counter("likes").increment(2);
    a.map("cart").set("x", 1);
    a.flag("open").enable();
  });
  assert.deepEqual(Object.values(a.clock()), [4]);
  exchange(a, b);
  assert.deepEqual(b.names(), [
    { name: "cart", kind: "set" },
    { name: "cart", kind: "map" },
    { name: "likes", kind: "counter" },
    { name: "open", kind: "flag" },
  ]);
  assert.deepEqual(b.names("l"), [{ name: "likes", kind: "counter" }]);
  assert.deepEqual(b.toJSON(), { set: { cart: ["milk"] }, map: { cart: { x: 1 } }, counter: { likes: 2 }, flag: { open: true } });
  assert.equal(b.remove("cart"), true);
  assert.equal(b.remove("cart"), false);
  exchange(a, b);
  assert.deepEqual(a.names("cart"), []);
  assert.equal(a.merge(a).changed, false);
  assert.equal(a.merge(b).changed, false);
  const copy = a.clone();
  assert.equal(copy.stateHash(), a.stateHash());
  assert.notEqual(copy.replica, a.replica);
  assert.ok(a.lastDot.startsWith(a.replica));
});

test("a writer goes on where its record says", () => {
  const first = new Store();
  first.set("s").addAll([1, 2, 3]);
  const [state, writer, replica] = [first.encode(), first.writerRecord(), first.replica];
  first.free();
  const second = new Store({ state, writer });
  second.set("s").add(4);
  assert.equal(second.replica, replica);
  assert.deepEqual(second.clock(), { [replica]: 4 });
});

test("maps and records iterate by key, as names do, whatever was written when and where", () => {
  const keys = ["", "B", "a", "aa", "ab", "b", "\u00e9", "\ue000", "\u{1f600}", "10", "9"];
  const inOrder = [...keys].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  const stores = [new Store(), new Store()];
  for (const [at, key] of keys.entries()) {
    const store = stores[at % 2];
    for (const value of [store.map("m"), store.record("r")]) value.set(key, at);
    store.counter(`n${key}`).increment();
  }
  stores[0].merge(stores[1]);
  stores[1].merge(stores[0]);
  stores[0].map("m").set("a", "again");
  for (const store of stores) {
    for (const value of [store.map("m"), store.record("r")]) {
      assert.deepEqual([...value.keys()], inOrder);
      assert.deepEqual([...value].map(([key]) => key), inOrder);
    }
    assert.deepEqual(store.names("n").map(({ name }) => name.slice(1)), inOrder);
  }
  assert.equal([...stores[0].map("m").values()][inOrder.indexOf("a")], "again");
});
