// Limits of stores and of groups: refused with a typed error, and everything as it was.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CrdtError, FullError, Replica, Store, TooLargeError } from "../dist/node.js";

const id = (number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const failsWith = (code) => (error) => error instanceof CrdtError && error.code === code;

function filled(count) {
  const store = new Store();
  store.set("s").addAll(Array.from({ length: count }, (_, at) => at));
  return store;
}

test("what others have is taken in up to the limits, and refused beyond", () => {
  const big = filled(100);
  const names = new Store();
  for (let at = 0; at < 100; at++) names.counter(`c${at}`).increment();
  const writers = new Store();
  for (let at = 0; at < 100; at++) writers.merge(filled(1));
  const cases = [
    [big, { events: 99 }, { events: 100 }],
    [names, { names: 99 }, { names: 100 }],
    [writers, { writers: 99 }, { writers: 101 }],
    [big, { bytes: big.encode().length - 1 }, { bytes: big.encode().length }],
  ];
  for (const [from, few, enough] of cases) {
    const code = few.bytes === undefined ? /^(full|too-large)$/ : /^too-large$/;
    const refused = (error) => error instanceof CrdtError && code.test(error.code);
    const [state, delta] = [from.encode(), from.encodeSince(new Store().version())];
    const store = new Store({ limits: few });
    store.subscribe(() => {});
    store.counter("own").increment(0);
    const before = store.encode();
    assert.throws(() => store.apply(state), refused);
    assert.throws(() => new Store({ limits: few, state }), refused);
    if (few.bytes === undefined) {
      assert.throws(() => store.apply(delta), refused);
      assert.throws(() => store.merge(from), refused);
    }
    assert.deepEqual(store.encode(), before);
    const other = new Store({ limits: enough });
    assert.equal(other.apply(state).changed, true);
    assert.equal(new Store({ limits: enough, state }).stateHash(), from.stateHash());
  }
});

test("a full store still takes what makes it no larger", () => {
  const theirs = filled(10);
  const store = new Store({ limits: { events: 10 }, state: theirs.encode() });
  theirs.set("s").delete(3);
  store.merge(theirs);
  assert.equal(store.set("s").size, 9);
});

test("limits that are none are refused", () => {
  for (const limits of [{ events: -1 }, { writers: 1.5 }, { bytes: "5" }, { keys: 5 }]) {
    assert.throws(() => new Store({ limits }), failsWith("invalid-argument"));
  }
});

test("a member writes no more than its group accepts, and is told early", () => {
  const store = new Store({ limits: { events: 64 } });
  const replica = new Replica(store, { me: id(1), storeId: id(9) });
  const events = [];
  const poll = () => {
    replica.tick(events.length);
    for (let event = replica.pollEvent(); event !== undefined; event = replica.pollEvent()) events.push(event);
  };
  for (let at = 0; at < 60; at++) store.set("s").add(at);
  poll();
  assert.deepEqual(events, [{ type: "nearly-full", limit: "events", used: 48, allowed: 64 }]);
  const before = [store.encode(), store.writerRecord()];
  assert.throws(() => store.set("s").add("more"), (error) => {
    assert.ok(error instanceof FullError && error instanceof CrdtError);
    assert.deepEqual([error.code, error.limit, error.used, error.allowed], ["full", "events", 61, 60]);
    return true;
  });
  assert.deepEqual([store.encode(), store.writerRecord()], before);
  store.set("s").delete(5);
  assert.equal(store.set("s").size, 59);
});

test("a value that is larger than all accept is refused, and named", () => {
  const store = new Store();
  new Replica(store, { me: id(1), storeId: id(9), bounds: { deltaBytes: 4_096 } });
  store.map("m").set("small", "x".repeat(100));
  const before = [store.encode(), store.writerRecord()];
  assert.throws(() => store.map("m").set("large", "x".repeat(10_000)), (error) => {
    assert.ok(error instanceof TooLargeError && error instanceof CrdtError);
    assert.equal(error.code, "too-large");
    assert.equal(error.largest.name, "m");
    assert.ok(error.largest.bytes > 10_000 && error.allowed <= 4_096);
    assert.ok(Buffer.from(error.largest.key).includes("large"));
    return true;
  });
  assert.deepEqual([store.encode(), store.writerRecord()], before);
});

test("a message that is too long for the way is sent in smaller ones", () => {
  const [a, b] = [1, 2].map((number) => new Replica(new Store(), { me: id(number), storeId: id(9), seed: number }));
  a.join(b.me);
  b.join(a.me);
  a.store.set("s").addAll(Array.from({ length: 5_000 }, (_, at) => `word ${at}`));
  const most = 8_000;
  const events = [];
  let dropped = 0;
  for (let now = 0; now < 60_000; now += 10) {
    for (const [one, other] of [[a, b], [b, a]]) {
      one.tick(now);
      for (let sent = one.pollTransmit(); sent !== undefined; sent = one.pollTransmit()) {
        if (sent.bytes.length <= most) other.receive(one.me, sent.bytes, now);
        else {
          dropped += 1;
          assert.equal(one.undelivered(sent.to, sent.bytes.length), true);
        }
      }
      for (let event = one.pollEvent(); event !== undefined; event = one.pollEvent()) events.push(event);
    }
  }
  assert.equal(b.store.set("s").size, 5_000);
  const told = events.filter(({ type }) => type === "undelivered");
  assert.equal(told.length, dropped);
  assert.ok(dropped > 0 && dropped < 20, `${dropped} messages were dropped`);
  assert.equal(told[0].peer, b.me);
  assert.ok(told[0].bytes > most && told.at(-1).reaches <= most);
});

test("a peer that accepts less than it lacks is named, with what is too large", () => {
  const small = new Replica(new Store(), { me: id(2), storeId: id(9), bounds: { deltaBytes: 8_192 } });
  const large = new Replica(new Store(), { me: id(1), storeId: id(9) });
  // Written before they met.
  large.store.map("m").set("large", "x".repeat(50_000));
  large.join(small.me, "observer");
  small.join(large.me, "observer");
  const events = [];
  for (let now = 0; now < 20_000; now += 10) {
    for (const [one, other] of [[large, small], [small, large]]) {
      one.tick(now);
      for (let sent = one.pollTransmit(); sent !== undefined; sent = one.pollTransmit()) {
        try {
          other.receive(one.me, sent.bytes, now);
        } catch (error) {
          assert.ok(error instanceof CrdtError);
        }
      }
      for (let event = one.pollEvent(); event !== undefined; event = one.pollEvent()) events.push(event);
    }
  }
  const told = events.filter(({ type }) => type === "too-large" || type === "refused");
  assert.ok(told.length > 0);
  assert.equal(told[0].peer, small.me);
  assert.equal(told[0].largest.name, "m");
  assert.ok(told[0].largest.bytes > 50_000);
});

test("a clock that is far ahead is told, with who wrote and where", () => {
  const now = Date.UTC(2026, 11, 1);
  const [here, there] = [new Store({ now: () => now }), new Store({ now: () => now + 3 * 86_400_000 })];
  const storeId = id(9);
  const one = new Replica(here, { me: id(1), storeId });
  const other = new Replica(there, { me: id(2), storeId });
  one.join(id(2));
  other.join(id(1));
  there.map("prices").set("tea", 3);
  for (let time = 0; time < 1_000; time += 10) {
    for (const [from, to] of [[one, other], [other, one]]) {
      from.tick(time);
      for (let message; (message = from.pollTransmit()); ) to.receive(from.me, message.bytes, time);
    }
  }
  assert.equal(here.map("prices").get("tea"), 3);
  const events = [];
  for (let event; (event = one.pollEvent()); ) events.push(event);
  const { replica, by, name, from } = events.find(({ type }) => type === "stamp-ahead");
  assert.deepEqual([replica, by, name, from], [there.replica, 3 * 86_400_000, "prices", id(2)]);
});
