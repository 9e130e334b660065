// Bad input: an error with a code, nothing lost, and everything goes on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as glue from "../dist/glue/dotted.js";
import { ConflictLog, CrdtError, GCounter, LwwMap, OrSet, Replica, Reservations, Store } from "../dist/node.js";

const failsWith = (code) => (error) => {
  assert.ok(error instanceof CrdtError && error instanceof Error, error);
  assert.equal(error.code, code, error.message);
  assert.equal(error.name, "CrdtError");
  assert.ok(error.message.length > 10);
  return true;
};

/** Numbers from a seed. */
function* random(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state;
  }
}

test("values that cannot be kept are refused, and nothing is written", () => {
  const set = new OrSet();
  set.add("there");
  const before = set.encode();
  const cycle = {};
  cycle.cycle = cycle;
  let deep = 0;
  for (let depth = 0; depth < 65; depth++) deep = [deep];
  const bad = [
    ["invalid-value", undefined], ["invalid-value", () => 1], ["invalid-value", Symbol("x")], ["invalid-value", new Date()],
    ["invalid-value", new Map()], ["invalid-value", { a: undefined }], ["invalid-value", [, 1]], ["invalid-value", new Int8Array(1)],
    ["invalid-value", { [Symbol("x")]: 1 }], ["invalid-value", new (class X {})()],
    ["out-of-range", 2n ** 63n], ["out-of-range", -(2n ** 63n) - 1n], ["too-deep", cycle], ["too-deep", deep],
    ["invalid-text", "\ud800"], ["invalid-text", "a\udc00b"], ["invalid-text", { "\ud800": 1 }], ["invalid-text", "x".repeat(100) + "\udfff"],
  ];
  for (const [code, value] of bad) {
    assert.throws(() => set.add(value), failsWith(code), String(code));
    assert.throws(() => set.addAll([1, value]), failsWith(code));
    assert.throws(() => set.has(value), failsWith(code));
    assert.throws(() => set.delete(value), failsWith(code));
  }
  assert.deepEqual(set.encode(), before);
  set.add(deep[0]);
  assert.equal(set.size, 2);
});

test("an error names the member that cannot be kept", () => {
  const map = new LwwMap();
  const wrong = [
    [{ items: [1, 2, 3, { price: () => 1 }] }, "value.items[3].price: a function cannot be kept"],
    [[[undefined]], "value[0][0]: undefined cannot be kept"],
    [{ "a b": { ok: 1, "": 2n ** 64n } }, 'value["a b"][""]: a bigint has more than 64 bits'],
    [{ at: { "\ud800": 1 } }, 'value.at["\\ud800"]: a text has a lone surrogate'],
    [{ when: new Date() }, "value.when: only plain objects, arrays and Uint8Array can be kept"],
    [Symbol("x"), "a symbol cannot be kept"],
  ];
  for (const [value, message] of wrong) assert.throws(() => map.set("k", value), { name: "CrdtError", message });
  const mine = new Error("mine");
  assert.throws(() => map.set("k", { get a() { throw mine; } }), mine);
  const cycle = {};
  cycle.cycle = cycle;
  const long = { [`${"k".repeat(10_000)} `]: cycle };
  assert.throws(() => map.set("k", long), (error) => error.code === "too-deep" && error.message.length < 400);
  assert.equal(map.size, 0);
});

test("lone surrogates do not make two keys one", () => {
  const map = new LwwMap();
  assert.throws(() => map.set("\ud800", 1), failsWith("invalid-text"));
  assert.throws(() => map.set("\udbff", 1), failsWith("invalid-text"));
  assert.throws(() => map.get("\udbff"), failsWith("invalid-text"));
  map.set("\ufffd", 1);
  assert.deepEqual([...map.keys()], ["\ufffd"]);
  const store = new Store();
  assert.throws(() => store.set("\ud800"), failsWith("invalid-text"));
});

test("amounts are whole numbers of 64 bits", () => {
  const counter = new GCounter();
  for (const by of [-1, 0.5, NaN, Infinity, 2 ** 53, "1", undefined === 1, null, -1n]) {
    assert.throws(() => counter.increment(by), failsWith("invalid-argument"), String(by));
  }
  assert.throws(() => counter.increment(2n ** 64n), failsWith("out-of-range"));
  counter.increment(2n ** 64n - 1n);
  const before = counter.encode();
  assert.throws(() => counter.increment(1), failsWith("overflow"));
  assert.deepEqual(counter.encode(), before);
  assert.equal(counter.bigValue, 2n ** 64n - 1n);
});

test("no bytes are taken in but those that somebody wrote", () => {
  const source = new Store();
  source.map("m").setAll({ a: 1, b: "two", c: [3] });
  source.record("r").set("f", null);
  source.counter("c").increment(3);
  const [state, version] = [source.encode(), source.version()];
  const delta = source.encodeSince(new Store().version());
  const store = new Store();
  store.set("mine").add(1);
  const before = store.encode();
  const doors = [(bytes) => store.apply(bytes), (bytes) => store.encodeSince(bytes), (bytes) => new Store({ state: bytes }).free(), (bytes) => new Store({ writer: bytes }).free()];
  const refused = (bytes, doors) => {
    for (const door of doors) {
      assert.throws(() => door(bytes), (error) => error instanceof CrdtError && error.code !== "internal");
    }
  };
  refused(new Uint8Array(), doors);
  refused(new TextEncoder().encode("garbage"), doors);
  const numbers = random(7);
  const next = () => numbers.next().value;
  for (const bytes of [state, version, delta, source.writerRecord()]) {
    for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length), doors);
    for (let round = 0; round < 500; round++) {
      const copy = bytes.slice();
      const at = next() % copy.length;
      copy[at] ^= 1 << (next() % 8);
      refused(copy, doors);
    }
  }
  for (let round = 0; round < 2000; round++) {
    refused(Uint8Array.from({ length: next() % 100 }, () => next() >>> 8), doors);
  }
  assert.deepEqual(store.encode(), before);
  for (const [bytes, code] of [[state, "wrong-kind"], [version, "wrong-kind"]]) {
    assert.throws(() => new Store({ writer: bytes }), failsWith(code));
  }
  assert.throws(() => store.apply(version), failsWith("wrong-kind"));
  assert.throws(() => store.apply("text"), failsWith("invalid-argument"));
  assert.throws(() => store.apply([1, 2]), failsWith("invalid-argument"));
  assert.equal(store.apply(state).changed, true);
  source.free();
});

test("arguments that nobody writes are refused, and nothing is written", () => {
  // The layer below the classes, where arguments are bytes.
  glue.initSync({ module: readFileSync(new URL("../dist/dotted.wasm", import.meta.url)) });
  const document = new glue.Document(new Uint8Array(16).fill(5));
  const [setAdd, mapSet, state] = [10, 13, 17];
  document.write(0, setAdd, Uint8Array.of(0, 2, 4, 4, 1, 97));
  const refused = (op, ...bytes) => {
    const before = document.read(state, new Uint8Array());
    assert.throws(() => document.write(0, op, Uint8Array.from(bytes)), (error) => typeof error === "string" && error.startsWith("invalid-argument"));
    assert.deepEqual(document.read(state, new Uint8Array()), before);
  };
  const most = Array(9).fill(0xff);
  refused(setAdd); // no name
  refused(setAdd, 0, 2); // no integer
  refused(setAdd, 0, 2, 2, 2, 0x80); // a number that does not end
  refused(setAdd, 0, 2, ...most, 2); // 65 bits
  refused(setAdd, 0, 2, ...most, 0x81, 0); // eleven bytes
  refused(setAdd, 0, 4, 2, 97); // a text that is too short
  refused(setAdd, 0, 4, ...most, 1); // a text of 2^64 - 1 bytes
  refused(setAdd, 0, 4, 0xff, 0xff, 0xff, 0xff, 0xf); // and of 2^32 - 1
  refused(setAdd, 0, 4, 1, 0xff); // no UTF-8
  refused(setAdd, 0, 6, 0xff, 0xff, 0xff, 0xff, 0xf); // a list of 2^32 - 1
  refused(setAdd, 0, 8); // a sort that there is not
  refused(mapSet, 0, 1, 97); // a key without a value
  assert.equal(document.write(0, setAdd, Uint8Array.of(0, 2, ...most, 1)), 1);
  const numbers = random(9);
  const next = () => numbers.next().value >>> 8;
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from({ length: next() % 30 }, (_, at) => (at === 0 ? 0 : next() % 3 === 0 ? next() : next() % 9));
    const before = document.read(state, new Uint8Array());
    try {
      document.write(0, next() % 30, bytes);
    } catch (error) {
      assert.equal(typeof error, "string", error);
      assert.deepEqual(document.read(state, new Uint8Array()), before);
    }
  }
  document.free();
});

test("a delta with a gap is refused", () => {
  const a = new OrSet();
  const b = new OrSet();
  const deltas = [];
  a.onUpdate((delta) => deltas.push(delta));
  a.add(1);
  a.add(2);
  assert.throws(() => b.apply(deltas[1]), failsWith("gap"));
  assert.equal(b.size, 0);
  deltas.forEach((delta) => b.apply(delta));
  assert.deepEqual(b.toArray(), [1, 2]);
});

test("what was freed says so, and freeing again does nothing", () => {
  const set = new OrSet();
  const other = new OrSet();
  set.add(1);
  set.free();
  set.free();
  set[Symbol.dispose]();
  assert.equal(set.store.isFreed, true);
  const calls = [
    () => set.add(1), () => set.has(1), () => set.size, () => [...set], () => set.encode(), () => set.version(), () => set.apply(new Uint8Array()),
    () => set.merge(other), () => other.merge(set), () => set.onUpdate(() => {}), () => set.subscribe(() => {}), () => set.snapshot(), () => set.batch(() => {}),
    () => set.compact(), () => set.replica, () => set.store.counter("x").value, () => set.toJSON(),
    () => new Replica(set.store, { me: crypto.randomUUID(), storeId: crypto.randomUUID() }),
  ];
  for (const call of calls) assert.throws(call, failsWith("freed"), String(call));
  assert.equal(other.size, 0);
  other.free();
});

test("ids are UUIDs in lower case", () => {
  for (const replica of ["", "x", "67E55044-10b1-426f-9247-bb680e5fe0c8", "67e5504410b1426f9247bb680e5fe0c8", 5]) {
    assert.throws(() => new Store({ replica }), failsWith("invalid-id"));
  }
  const store = new Store({ replica: "67e55044-10b1-426f-9247-bb680e5fe0c8" });
  assert.equal(store.replica, "67e55044-10b1-426f-9247-bb680e5fe0c8");
});

test("arguments of a wrong type have a code, and nothing is written", () => {
  const [map, set, store] = [new LwwMap(), new OrSet(), new Store()];
  const wrong = [
    ...[[], () => 0, 5, null, undefined].flatMap((key) => [() => map.set(key, 1), () => map.get(key)]),
    () => store.names(5),
    () => map.setAll([null]),
    () => map.setAll(5),
    () => store.record("r").setMembers("f", 5),
    () => store.record("r").setMembers("f", "x"),
    () => store.record("r").setMembers("f", new Date()),
    () => store.merge(set),
    () => set.merge(store),
    () => set.merge(null),
    () => store.onUpdate(5),
    () => store.subscribe(5),
    () => new Store(5),
    () => new Store({ now: 5 }),
    () => new Store({ now: () => 1n }).set("s").add(1),
    () => new Store({ writer: store.writerRecord(), replica: store.replica }),
    () => store.batch(5),
    () => map.watch(5),
    () => store.record("r", 5),
    () => store.claims("c", 5),
    () => new Replica(store),
    () => new Replica(map, {}),
    () => new ConflictLog(5),
    () => new ConflictLog(store).of(undefined),
    () => new Reservations(5),
    () => store.apply(new Proxy(new Uint8Array(3), {})),
  ];
  for (const call of wrong) assert.throws(call, failsWith("invalid-argument"), String(call));
  assert.equal(map.size, 0);
  assert.deepEqual(store.names(), []);
});

test("what changes while it is read is written as it was first asked", () => {
  const set = new OrSet();
  const growing = [0, 1];
  Object.defineProperty(growing, 0, { enumerable: true, get: () => growing.push("more") });
  set.addAll([growing, "z"]);
  assert.deepEqual(set.toArray(), [[3, 1], "z"]);
  const shrinking = [0, 1];
  Object.defineProperty(shrinking, 0, { enumerable: true, get: () => ((shrinking.length = 1), 7) });
  assert.throws(() => set.addAll([shrinking, "y"]), failsWith("invalid-value"));
  set.add("a text that was an argument before");
  const bytes = new Uint8Array([1, 2]);
  Object.defineProperty(bytes, "length", { value: 40 });
  set.add(bytes);
  assert.ok(set.has(new Uint8Array([1, 2])));
  assert.equal(set.size, 4);
});
