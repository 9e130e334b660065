// Who is called, when, and with what; and that calls from within calls are nothing special.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CrdtError, LwwMap, OrSet, PnCounter, Store } from "../dist/node.js";

test("updates are the local changes, and keep others up to date", () => {
  const a = new OrSet();
  const b = new OrSet();
  const sent = [];
  const stop = a.onUpdate((delta) => sent.push(delta));
  b.onUpdate(() => assert.fail("nothing was written there"));
  a.add(1).add(2);
  a.delete(1);
  a.delete("nothing");
  assert.equal(sent.length, 3);
  sent.forEach((delta) => b.apply(delta));
  assert.deepEqual(b.toArray(), [2]);
  assert.deepEqual(b.version(), a.version());
  b.apply(sent[0]);
  stop();
  stop();
  a.add(3);
  assert.equal(sent.length, 3);
});

test("what is taken in is not sent back", () => {
  const [a, b] = [new LwwMap(), new LwwMap()];
  let calls = 0;
  const pipe = (from, to) => from.onUpdate((delta) => void (calls++, to.apply(delta)));
  pipe(a, b);
  pipe(b, a);
  a.set("x", 1);
  b.set("y", 2);
  assert.equal(calls, 2);
  assert.deepEqual(a.toObject(), { x: 1, y: 2 });
  assert.deepEqual(b.toObject(), { x: 1, y: 2 });
});

test("changes are listed, each key once, with origin and author", () => {
  const a = new Store();
  const b = new Store();
  const batches = [];
  a.subscribe((batch) => batches.push(batch));
  a.set("cart").add("milk");
  b.set("cart").addAll(["tea", "salt"]);
  b.register("title").set("x");
  a.merge(b);
  a.set("cart").delete("tea");
  assert.deepEqual(batches, [
    { origin: "local", changes: [{ name: "cart", kind: "set", key: "milk", change: "added", by: [a.replica] }] },
    {
      origin: "remote",
      changes: [
        { name: "cart", kind: "set", key: "tea", change: "added", by: [b.replica] },
        { name: "cart", kind: "set", key: "salt", change: "added", by: [b.replica] },
        { name: "title", kind: "register", change: "added", by: [b.replica] },
      ],
    },
    { origin: "local", changes: [{ name: "cart", kind: "set", key: "tea", change: "removed", by: [a.replica] }] },
  ]);
});

test("a batch is one delta and one call, and its reads see its writes", () => {
  const store = new Store();
  const other = new Store();
  const [deltas, batches] = [[], []];
  store.onUpdate((delta) => deltas.push(delta));
  store.subscribe((batch) => batches.push(batch));
  const result = store.batch(() => {
    store.set("s").add(1).add(2);
    assert.ok(store.set("s").has(1));
    assert.equal(store.set("s").delete(1), true);
    assert.deepEqual(store.set("s").snapshot(), [2]);
    store.batch(() => store.counter("c").increment());
    assert.equal(deltas.length, 0);
    return "result";
  });
  assert.equal(result, "result");
  assert.equal(deltas.length, 1);
  assert.equal(batches.length, 1);
  assert.deepEqual(batches[0].changes.map(({ name, key, change }) => [name, key, change]), [["s", 2, "added"], ["c", undefined, "added"]]);
  other.apply(deltas[0]);
  assert.equal(other.stateHash(), store.stateHash());
});

test("nothing enters or leaves within a batch", () => {
  const a = new Store();
  const b = new Store();
  b.set("s").add(1);
  const [state, version] = [b.encode(), b.version()];
  for (const call of [() => a.encode(), () => a.encodeSince(version), () => a.apply(state), () => a.merge(b), () => a.writerRecord()]) {
    assert.throws(() => a.batch(call), (error) => error instanceof CrdtError && error.code === "in-batch");
  }
  assert.equal(a.apply(state).changed, true);
});

test("a batch that throws keeps what it wrote, as one", () => {
  const set = new OrSet();
  const deltas = [];
  set.onUpdate((delta) => deltas.push(delta));
  assert.throws(() => set.batch(() => { set.add(1); set.add(2); throw new Error("mine"); }), /mine/);
  assert.equal(deltas.length, 1);
  assert.equal(set.size, 2);
});

test("subscribers may write, take in, subscribe and free", () => {
  const set = new OrSet();
  const other = new OrSet();
  other.add("other");
  const seen = [];
  set.onUpdate((delta) => {
    seen.push(delta.length > 0);
    if (set.size < 5) set.add(set.size);
    if (set.size === 5) set.merge(other);
  });
  set.subscribe(() => void set.snapshot());
  set.add("first");
  assert.equal(set.size, 6);
  assert.deepEqual(seen, [true, true, true, true, true]);
  set.subscribe(() => set.free());
  set.onUpdate(() => set.onUpdate(() => {}));
  set.add("last");
  assert.equal(set.store.isFreed, true);
});

test("a subscriber that throws keeps nobody else from being called, and nothing is lost", () => {
  const set = new OrSet();
  let calls = 0;
  set.onUpdate(() => { throw new TypeError("mine"); });
  set.onUpdate(() => void calls++);
  set.subscribe(() => void calls++);
  assert.throws(() => set.add(1), TypeError);
  assert.equal(calls, 2);
  assert.ok(set.has(1));
  assert.throws(() => set.add(2), TypeError);
  assert.equal(calls, 4);
});

test("a snapshot is the same until its value changes, and cannot be changed", () => {
  const store = new Store();
  const set = store.set("s");
  set.add({ deep: [1] });
  const first = set.snapshot();
  store.counter("c").increment();
  assert.equal(set.snapshot(), first);
  assert.equal(store.set("s").snapshot(), first);
  assert.throws(() => first.push(1), TypeError);
  assert.throws(() => first[0].deep.push(1), TypeError);
  let calls = 0;
  const stop = set.watch(() => void calls++);
  set.add(2);
  assert.notEqual(set.snapshot(), first);
  assert.equal(first.length, 1);
  store.counter("c").increment();
  assert.equal(calls, 1);
  stop();
  set.add(3);
  assert.equal(calls, 1);
  assert.equal(store.counter("c").snapshot(), 2);
  const other = new Store();
  other.set("s").add("remote");
  const before = set.snapshot();
  store.merge(other);
  assert.notEqual(set.snapshot(), before);
});

test("more changes than are kept are said to be missed", () => {
  const counter = new PnCounter();
  const set = new OrSet();
  const origins = [];
  set.store.subscribe(({ origin }) => origins.push(origin));
  const before = set.snapshot();
  set.addAll(Array.from({ length: 70_000 }, (_, at) => at));
  assert.deepEqual(origins, ["missed"]);
  assert.notEqual(set.snapshot(), before);
  assert.equal(set.snapshot().length, 70_000);
  counter.free();
});

test("iterables and getters may use stores themselves", () => {
  const a = new OrSet();
  const b = new OrSet();
  a.addAll([1, 2, 3]);
  b.addAll(a).addAll(b.values());
  assert.deepEqual(b.toArray(), [1, 2, 3]);
  assert.equal(b.deleteAll(a.keys()), 3);
  const map = new LwwMap();
  map.setAll({ x: 1, y: 2 });
  const copy = new LwwMap().setAll(map);
  assert.equal(copy.deleteAll(copy.keys()), 2);
  const tricky = { first: "1", get second() { return map.get("x"); }, third: "3" };
  map.set("tricky", tricky);
  assert.deepEqual(map.get("tricky"), { first: "1", second: 1, third: "3" });
});

test("no half of a batch leaves it", () => {
  const [a, b] = [new OrSet(), new OrSet()];
  const isInBatch = (error) => error instanceof CrdtError && error.code === "in-batch";
  a.batch(() => {
    a.add(1);
    assert.throws(() => b.merge(a), isInBatch);
    assert.throws(() => a.store.clone(), isInBatch);
    assert.throws(() => a.onUpdate((delta) => b.apply(delta)), isInBatch);
    a.add(2);
  });
  assert.equal(b.size, 0);
  b.merge(a);
  assert.deepEqual(b.toArray(), [1, 2]);
});

test("who has gone is not called any more, and the first error is thrown", () => {
  const set = new OrSet();
  const called = [];
  set.onUpdate(() => {
    called.push("first");
    stop();
  });
  const stop = set.onUpdate(() => called.push("second"));
  set.add(1);
  assert.deepEqual(called, ["first"]);
  set.onUpdate(() => {
    throw new Error("of a callback");
  });
  const batch = () => {
    set.add(2);
    throw new Error("of the batch");
  };
  assert.throws(() => set.batch(batch), { message: "of the batch" });
  assert.throws(() => set.add(3), { message: "of a callback" });
  assert.equal(set.size, 3);
});
