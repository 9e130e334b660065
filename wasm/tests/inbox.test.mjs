// Deltas over a channel that loses, repeats and reorders.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Inbox, OrSet, Store } from "../dist/node.js";

function recorded(count, make = () => new Store()) {
  const store = make();
  const deltas = [];
  store.onUpdate((delta) => deltas.push(delta));
  for (let at = 0; at < count; at++) store.counter("c").increment(at + 1);
  return { store, deltas };
}

test("deltas in any order come to the same, and say what is missing meanwhile", () => {
  const { store, deltas } = recorded(6);
  const orders = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 3, 0, 5, 1, 1, 4, 2], [1, 0, 3, 2, 5, 4]];
  for (const order of orders) {
    const here = new Store();
    const inbox = new Inbox(here);
    const seen = new Set();
    let events = 0;
    for (const at of order) {
      seen.add(at);
      const received = inbox.receive(deltas[at]);
      events += received.events;
      const whole = [0, 1, 2, 3, 4, 5].findIndex((at) => !seen.has(at));
      const inOrder = whole < 0 ? 6 : whole;
      assert.equal(here.counter("c").value, (inOrder * (inOrder + 1)) / 2);
      assert.equal(received.gap, seen.size > inOrder);
    }
    assert.equal(events, 6);
    assert.equal(here.stateHash(), store.stateHash());
    assert.deepEqual([inbox.size, inbox.bytes], [0, 0]);
  }
});

test("what waits is bounded, and what was dropped comes when it is asked for", () => {
  const { store, deltas } = recorded(100);
  const here = new Store();
  const most = deltas[1].length * 10;
  const inbox = new Inbox(here, { bytes: most });
  for (const delta of deltas.slice(1)) {
    assert.equal(inbox.receive(delta).gap, true);
    assert.ok(inbox.bytes <= most && inbox.size <= 10);
  }
  // The first one alone fills no gap between itself and those that still wait.
  assert.equal(inbox.receive(deltas[0]).gap, true);
  const asked = inbox.receive(store.encodeSince(here.version()));
  assert.equal(asked.gap, false);
  assert.deepEqual([inbox.size, inbox.bytes], [0, 0]);
  assert.equal(here.stateHash(), store.stateHash());
  // Larger than all that may wait: it does not push the others out.
  const strict = new Inbox(new Store(), { bytes: 1 });
  assert.equal(strict.receive(deltas[1]).gap, true);
  assert.equal(strict.size, 0);
});

test("who asks whenever there is a gap, and says now and then what it has, does not stay behind", () => {
  let seed = 7;
  const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const stores = [new Store(), new Store(), new Store()];
  const inboxes = stores.map((store) => new Inbox(store, { bytes: 2_000 }));
  let channel = [];
  let isLossy = true;
  const send = (from, message) => {
    for (const to of stores.keys()) if (to !== from) channel.push([to, message]);
  };
  stores.forEach((store, at) => store.onUpdate((delta) => send(at, { delta })));
  const deliver = () => {
    const [[to, { delta, version }]] = channel.splice(Math.floor(random() * channel.length), 1);
    if (isLossy && random() < 0.3) return;
    if (version) send(to, { delta: stores[to].encodeSince(version) });
    else if (inboxes[to].receive(delta).gap) send(to, { version: stores[to].version() });
  };
  for (let round = 0; round < 300; round++) {
    stores[round % 3].set("s").add(round);
    if (round % 5 === 0) stores[round % 3].set("s").delete(round - 4);
    for (let step = 0; step < 4 && channel.length > 0; step++) deliver();
  }
  channel = [];
  isLossy = false;
  for (let round = 0; round < 3; round++) {
    for (const at of stores.keys()) send(at, { version: stores[at].version() });
    for (let step = 0; channel.length > 0; step++) {
      assert.ok(step < 10_000, "they never fall silent");
      deliver();
    }
  }
  for (const store of stores) assert.equal(store.stateHash(), stores[0].stateHash());
});

test("what cannot be read is an error, and what waits goes on waiting", () => {
  const { deltas, store } = recorded(3);
  const here = new Store();
  const inbox = new Inbox(here);
  inbox.receive(deltas[2]);
  assert.throws(() => inbox.receive(new Uint8Array([1, 2, 3])), { name: "CrdtError", code: "truncated" });
  assert.throws(() => inbox.receive("text"), { code: "invalid-argument" });
  assert.equal(inbox.size, 1);
  inbox.receive(deltas[0]);
  inbox.receive(deltas[1]);
  assert.equal(here.stateHash(), store.stateHash());
  assert.throws(() => new Inbox({}), { code: "invalid-argument" });
  assert.throws(() => new Inbox(here, { bytes: -1 }), { code: "invalid-argument" });
  assert.equal(new Inbox(new OrSet()).receive(new OrSet().add(1).encode()).changed, true);
});
