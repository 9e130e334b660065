// Deltas over a channel that loses, repeats and reorders them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CrdtError, Inbox, Store } from "../dist/node.js";

/** Numbers from a seed, below something. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("whatever a channel does, all have all after a question and an answer", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const draw = random(seed);
    const stores = [new Store(), new Store(), new Store()];
    const inboxes = stores.map((store) => new Inbox(store));
    const wire = [];
    const send = (from, message) => {
      for (let to = 0; to < 3; to++) {
        // One of five is lost, one of five comes twice.
        for (let copies = [0, 1, 1, 1, 2][draw(5)]; to !== from && copies > 0; copies--) wire.push({ from, to, message });
      }
    };
    const receive = ({ from, to, message }) => {
      if (message.version) wire.push({ from: to, to: from, message: { delta: stores[to].encodeSince(message.version) } });
      else if (inboxes[to].receive(message.delta).gap) send(to, { version: stores[to].version() });
    };
    stores.forEach((store, at) => store.onUpdate((delta) => send(at, { delta })));
    for (let step = 0; step < 60; step++) {
      stores[draw(3)].set("all").add(step);
      if (draw(3) === 0) stores[draw(3)].set("all").delete(draw(60));
      for (let count = draw(4); count > 0 && wire.length > 0; count--) receive(wire.splice(draw(wire.length), 1)[0]);
    }
    // From time to time each asks; here until nothing is missing.
    let rounds = 0;
    const isSame = () => stores.every((store) => Buffer.from(store.version()).equals(Buffer.from(stores[0].version())));
    for (; !isSame(); rounds++) {
      assert.ok(rounds < 50, `seed ${seed}`);
      stores.forEach((store, at) => send(at, { version: store.version() }));
      while (wire.length > 0) receive(wire.splice(draw(wire.length), 1)[0]);
    }
    assert.ok(stores.every((store) => store.stateHash() === stores[0].stateHash()));
    for (const inbox of inboxes) inbox.receive(stores[0].encode());
    assert.deepEqual(inboxes.map((inbox) => inbox.bytes), [0, 0, 0]);
  }
});

test("what waits is bounded, and what cannot be read changes nothing", () => {
  const [from, to] = [new Store(), new Store()];
  const deltas = [];
  from.onUpdate((delta) => deltas.push(delta));
  for (let at = 0; at < 10; at++) from.register("text").set(`${at} ${"x".repeat(1_000)}`);
  const inbox = new Inbox(to, { bytes: 3_500 });
  for (const delta of deltas.slice(1)) {
    assert.deepEqual(inbox.receive(delta), { changed: false, events: 0, keys: 0, gap: true });
    assert.ok(inbox.bytes <= 3_500);
  }
  assert.throws(() => inbox.receive(deltas[0].slice(1)), CrdtError);
  const held = inbox.bytes;
  assert.throws(() => inbox.receive("no bytes"), { code: "invalid-argument" });
  assert.equal(inbox.bytes, held);
  const applied = inbox.receive(deltas[0]);
  assert.ok(applied.changed && applied.events >= 3 && inbox.bytes === 0);
  inbox.receive(from.encodeSince(to.version()));
  assert.equal(to.stateHash(), from.stateHash());
});
