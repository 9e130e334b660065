// Groups that are written by a function: asynchronous ones are refused, and leave no trace.
import assert from "node:assert/strict";
import { test } from "node:test";

import { OrSet, Replica, Store } from "../dist/node.js";

const refused = { name: "CrdtError", code: "asynchronous" };
const id = (number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

/** A store alone, one that tells of changes, and a member of a group. */
const kinds = {
  alone: () => new Store(),
  watched: () => {
    const store = new Store();
    store.subscribe(() => {});
    return store;
  },
  member: () => {
    const store = new Store();
    new Replica(store, { me: id(1), storeId: id(9) });
    return store;
  },
};

function fill(store) {
  store.set("s").addAll([1, 2, 3]);
  store.counter("c").increment(5);
  store.map("m").set("k", "before").set("gone", 1);
  store.map("m").delete("gone");
}

for (const [kind, make] of Object.entries(kinds)) {
  test(`what returns a promise is taken back as if it had never been: ${kind}`, () => {
    const store = make();
    fill(store);
    const [deltas, batches] = [[], []];
    store.onUpdate((delta) => deltas.push(delta));
    store.subscribe((batch) => batches.push(batch));
    const before = { state: store.encode(), record: store.writerRecord(), last: store.lastDot };
    const shown = store.set("s").snapshot();
    const group = () => {
      store.set("s").delete(2);
      store.set("s").add("new");
      store.counter("c").increment();
      store.counter("other").increment();
      store.map("m").set("k", "after");
      assert.ok(store.set("s").snapshot().includes("new"));
      return { then() {} };
    };
    assert.throws(() => store.batch(group), refused);
    assert.deepEqual(store.encode(), before.state);
    assert.deepEqual(store.writerRecord(), before.record);
    assert.equal(store.lastDot, before.last);
    assert.deepEqual(store.set("s").snapshot(), shown);
    assert.deepEqual([deltas.length, batches.length], [0, 0]);
    // Within a group only that one; and what was in it before stays.
    store.batch(() => {
      store.set("s").add("outer");
      assert.throws(() => store.batch(group), refused);
      assert.equal(store.counter("c").value, 5);
      store.set("s").delete(1);
    });
    assert.deepEqual(store.set("s").toArray(), [2, 3, "outer"]);
    assert.deepEqual([deltas.length, batches.length], [1, 1]);
    const other = new Store({ state: before.state });
    other.apply(deltas[0]);
    assert.equal(other.stateHash(), store.stateHash());
    store.counter("c").increment();
    assert.equal(store.counter("c").value, 6);
  });
}

test("an async function is not called", () => {
  const set = new OrSet();
  let calls = 0;
  for (const write of [async () => (calls += 1), async function* () { calls += 1; yield 1; }]) {
    assert.throws(() => set.batch(write), refused);
  }
  assert.equal(calls, 0);
  // What only looks alike is a result like any other.
  assert.deepEqual(set.batch(() => ({ then: 5 })), { then: 5 });
  assert.equal(set.batch(() => null), null);
});

test("what was taken back does not leave a member", () => {
  const members = [1, 2].map((number) => new Replica(new Store(), { me: id(number), storeId: id(9), seed: number }));
  const [a, b] = members;
  a.join(b.me);
  b.join(a.me);
  const run = (from, to) => {
    for (let now = from; now < to; now += 10) {
      for (const [one, other] of [[a, b], [b, a]]) {
        one.tick(now);
        for (let sent = one.pollTransmit(); sent !== undefined; sent = one.pollTransmit()) other.receive(one.me, sent.bytes, now);
      }
    }
  };
  a.store.set("s").add(1);
  run(0, 3_000);
  assert.throws(() => a.store.batch(() => (a.store.set("s").add(2), Promise.resolve())), refused);
  run(3_000, 6_000);
  assert.deepEqual(b.store.version(), a.store.version());
  a.store.set("s").add(3);
  run(6_000, 9_000);
  assert.deepEqual(b.store.set("s").toArray(), [1, 3]);
  assert.deepEqual(b.store.version(), a.store.version());
  assert.ok(a.isInSyncWith(b.me));
});
