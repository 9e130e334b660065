// A group on a network in memory, with a clock of its own.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ConflictLog, CrdtError, Replica, Store } from "../dist/node.js";

const id = (number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const storeId = id(999);
const failsWith = (code) => (error) => error instanceof CrdtError && error.code === code;

function group(size, options = {}) {
  const members = [];
  for (let number = 1; number <= size; number++) {
    members.push(new Replica(new Store(), { me: id(number), storeId, seed: number, ...options }));
  }
  for (const a of members) for (const b of members) if (a !== b) a.join(b.me);
  return members;
}

/** Drives all of them for so many milliseconds. `loses` says which messages get lost. Returns the bytes sent. */
function run(members, from, until, loses = () => false) {
  const byId = new Map(members.map((member) => [member.me, member]));
  let sent = 0;
  let count = 0;
  for (let now = from; now < until; now += 10) {
    for (const member of members) {
      member.tick(now);
      for (let message = member.pollTransmit(); message !== undefined; message = member.pollTransmit()) {
        sent += message.bytes.length;
        count += 1;
        if (!loses(count, member.me, message.to)) byId.get(message.to)?.receive(member.me, message.bytes, now);
      }
    }
  }
  return sent;
}

test("a group converges and falls silent, and tells its subscribers", () => {
  const members = group(3, { timing: { heartbeat: 1_000_000 } });
  const [a, b, c] = members;
  let calls = 0;
  c.store.set("s").watch(() => void calls++);
  a.store.onUpdate(() => {});
  a.store.set("s").add("from a");
  b.store.counter("c").increment(3);
  run(members, 0, 5000);
  for (const { store } of members) assert.deepEqual(store.toJSON(), { set: { s: ["from a"] }, counter: { c: 3 } });
  assert.equal(calls, 1);
  assert.ok(a.isInSyncWith(b.me) && a.members().every(({ isInSync, isTarget }) => isInSync && isTarget));
  assert.deepEqual(a.knownOf(c.me), c.store.version());
  assert.equal(run(members, 5000, 100_000), 0);
  assert.ok(a.pollTimeout() > 100_000);
  const events = [];
  for (let event = c.pollEvent(); event !== undefined; event = c.pollEvent()) events.push(event.type);
  assert.ok(events.length > 0 && events.every((type) => type === "changed"));
});

test("loss, whatever is lost, only delays", () => {
  const members = group(4, { topology: { type: "ring" } });
  for (let round = 0; round < 20; round++) {
    members[round % 4].store.map("m").set(`k${round}`, round);
    run(members, round * 100, round * 100 + 100, (count) => count % 3 !== 0);
  }
  run(members, 2000, 120_000, (count) => count % 2 === 0);
  const hashes = new Set(members.map(({ store }) => store.stateHash()));
  assert.equal(hashes.size, 1);
  assert.equal(members[0].store.map("m").size, 20);
});

test("confirmations come when members have the event, or at the deadline", () => {
  const members = group(3);
  const [a, , c] = members;
  a.store.set("s").add(1);
  const all = a.confirm(a.store.lastDot, "all", 10_000);
  const two = a.confirm(a.store.lastDot, 2, 10_000);
  run(members, 0, 3000);
  const confirmed = [a.pollEvent(), a.pollEvent()];
  assert.deepEqual(confirmed.map(({ type }) => type), ["confirmed", "confirmed"]);
  assert.deepEqual(confirmed.map(({ ticket }) => ticket).sort(), [all, two].sort());
  a.store.set("s").add(2);
  const late = a.confirm(a.store.lastDot, "all", 6000);
  run(members, 3000, 8000, (_count, from, to) => from === c.me || to === c.me);
  const events = [];
  for (let event = a.pollEvent(); event !== undefined; event = a.pollEvent()) events.push(event);
  assert.deepEqual(events.find(({ type }) => type === "unreachable"), { type: "unreachable", ticket: late, missing: [c.me] });
  assert.throws(() => a.confirm("nonsense", "all", 1), failsWith("invalid-id"));
});

test("nothing leaves a durable replica before it is stored", () => {
  const [a, b] = [1, 2].map((number) => new Replica(new Store(), { me: id(number), storeId, durable: number === 1 }));
  a.join(b.me);
  b.join(a.me);
  a.store.set("s").add(1);
  run([a, b], 0, 3000);
  assert.equal(b.store.set("s").size, 0);
  a.persisted(a.store.version());
  run([a, b], 3000, 6000);
  assert.equal(b.store.set("s").size, 1);
});

test("bad messages are errors with codes, and change nothing", () => {
  const [a, b] = group(2, { bounds: { badBurst: 3, badPerSecond: 1 } });
  a.store.set("s").add(1);
  const before = a.store.encode();
  const stranger = id(77);
  assert.throws(() => a.receive(stranger, new Uint8Array(5), 0), failsWith("not-member"));
  assert.throws(() => a.receive("nobody", new Uint8Array(5), 0), failsWith("invalid-id"));
  assert.throws(() => a.receive(b.me, "text", 0), failsWith("invalid-argument"));
  const codes = [];
  for (let round = 0; round < 5; round++) {
    try {
      a.receive(b.me, Uint8Array.from([100, 111, 116, 100, round]), 0);
    } catch (error) {
      assert.ok(error instanceof CrdtError);
      codes.push(error.code);
    }
  }
  assert.deepEqual(codes.slice(3), ["muted", "muted"]);
  assert.ok(codes.slice(0, 3).every((code) => ["truncated", "checksum", "malformed", "unsupported-version"].includes(code)), codes.join());
  assert.deepEqual(a.store.encode(), before);
  assert.throws(() => a.join(a.me), failsWith("myself"));
  assert.equal(a.retire(b.me), true);
  assert.throws(() => a.join(b.me), failsWith("retired"));
  assert.throws(() => new Replica(a.store, { me: id(3), storeId }), failsWith("is-replica"));
  for (const options of [{ timing: { nonsense: 1 } }, { bounds: { members: -1 } }, { seed: 0.5 }, { topology: { type: "x" } }, { me: "x" }]) {
    assert.throws(() => new Replica(new Store(), { me: id(3), storeId, ...options }), CrdtError);
  }
  const store = new Store();
  const other = new Replica(store, { me: id(3), storeId: id(1000) });
  other.join(a.me);
  a.join(other.me);
  other.tick(100);
  const message = other.pollTransmit();
  assert.throws(() => a.receive(other.me, message.bytes, 100), failsWith("wrong-store"));
});

test("a fork is noticed, and repaired with a new id", () => {
  const [a, b] = group(2);
  a.store.set("s").add("shared");
  run([a, b], 0, 2000);
  // The same writer once more, from a copy of what was stored.
  const copy = new Store({ state: a.store.encode(), writer: a.store.writerRecord() });
  copy.set("s").add("theirs");
  b.store.apply(copy.encodeSince(b.store.version()));
  b.store.counter("c").increment();
  let forked = false;
  const rounds = [a, b];
  for (let now = 2000; now < 6000; now += 10) {
    for (const [from, to] of [rounds, [b, a]]) {
      from.tick(now);
      for (let message = from.pollTransmit(); message !== undefined; message = from.pollTransmit()) {
        try {
          to.receive(from.me, message.bytes, now);
        } catch (error) {
          assert.equal(error.code, "forked");
          forked = true;
        }
      }
    }
  }
  assert.ok(forked);
  assert.throws(() => a.store.set("s").add("mine"), failsWith("forked"));
  a.rebase();
  a.store.set("s").add("mine");
  run([a, b], 6000, 30_000);
  assert.deepEqual(a.store.set("s").toArray().sort(), ["mine", "shared", "theirs"]);
  assert.equal(a.store.stateHash(), b.store.stateHash());
});

test("a store that takes part no more is a store", () => {
  const [a, b] = group(2);
  a.store.set("s").add(1);
  a.stop();
  assert.throws(() => a.tick(1), failsWith("no-replica"));
  assert.equal(a.store.set("s").add(2).size, 2);
  const again = new Replica(a.store, { me: a.me, storeId });
  again.join(b.me);
  run([again, b], 0, 3000);
  assert.equal(b.store.set("s").size, 2);
});

test("rights of bounded counters go to where they are needed", () => {
  const members = group(3, { rebalance: true });
  const [rich, poor, other] = members;
  rich.store.boundedCounter("stock").increment(1000);
  run(members, 0, 2000);
  let written = 0;
  rich.store.onUpdate(() => void written++);
  const stock = poor.store.boundedCounter("stock");
  let sold = 0;
  let refused = 0;
  for (let now = 2000; now < 12_000; now += 100) {
    try {
      stock.tryDecrement(3);
      sold += 3;
    } catch (error) {
      assert.equal(error.code, "insufficient-rights");
      refused += 1;
    }
    run(members, now, now + 100);
  }
  // The first was refused, and asked for more; what was given is a local write of the giver.
  assert.ok(refused > 0 && refused < 10 && sold > 200, `${sold} sold, ${refused} refused`);
  assert.ok(written > 0);
  run(members, 12_000, 15_000);
  assert.deepEqual(members.map(({ store }) => store.boundedCounter("stock").value), [1000 - sold, 1000 - sold, 1000 - sold]);
  assert.ok(Number(stock.rights) > 0 && stock.rightsOf(rich.store.replica) > 0);
  assert.match(poor.store.lastDot, new RegExp(`^${poor.store.replica}`));
  // More than there is: refused, and nobody loses his rights for it.
  const before = other.store.boundedCounter("stock").rightsOf(rich.store.replica);
  assert.throws(() => other.store.boundedCounter("stock").tryDecrement(10_000), { code: "insufficient-rights" });
  run(members, 15_000, 20_000);
  assert.deepEqual(other.store.boundedCounter("stock").rightsOf(rich.store.replica), before);
  assert.ok(members.every((member) => member.pollTimeout() > 15_000));
});

test("who does not rebalance is asked in vain", () => {
  const [asks, gives] = [group(2, { rebalance: { pause: 50 } })[0], group(2)[1]];
  gives.store.boundedCounter("stock").increment(10);
  run([asks, gives], 0, 1000);
  assert.throws(() => asks.store.boundedCounter("stock").tryDecrement(1), { code: "insufficient-rights" });
  run([asks, gives], 1000, 5000);
  assert.throws(() => asks.store.boundedCounter("stock").tryDecrement(1), { code: "insufficient-rights" });
  assert.equal(gives.store.boundedCounter("stock").rights, 10);
  assert.deepEqual(gives.pollEvent()?.type, "changed");
  assert.throws(() => group(1, { rebalance: { windows: 1 } }), failsWith("invalid-argument"));
  // Alone again, it counts down as before.
  gives.stop();
  gives.store.boundedCounter("stock").tryDecrement(10);
});

test("what is refused writes nothing, whoever asks for rights because of it", () => {
  const [rich, poor] = group(2, { rebalance: true });
  rich.store.boundedCounter("stock").increment(100);
  poor.store.merge(rich.store);
  const follower = new Store();
  follower.merge(poor.store);
  poor.store.onUpdate((delta) => void follower.apply(delta));
  poor.tick(1000);
  const before = poor.store.encode();
  assert.throws(() => poor.store.boundedCounter("stock").tryDecrement(1), { code: "insufficient-rights" });
  assert.deepEqual(poor.store.encode(), before);
  assert.ok(poor.pollTimeout() <= 1000, "it is asked for now");
  const third = new Store();
  third.set("s").add("tea");
  for (const store of [poor.store, follower]) store.apply(third.encode());
  // It announces itself, and asks: nobody answers.
  run([poor], 1000, 3000);
  assert.equal(poor.store.boundedCounter("stock").holders().length, 2);
  poor.store.counter("c").increment();
  assert.deepEqual(follower.version(), poor.store.version(), "no gap");
});

test("who moves rights notes it as its last event, and is told of it", () => {
  const [rich, poor] = group(2, { rebalance: true });
  rich.store.boundedCounter("stock").increment(100);
  const first = rich.store.lastDot;
  run([rich, poor], 0, 1000);
  assert.throws(() => poor.store.boundedCounter("stock").tryDecrement(1), { code: "insufficient-rights" });
  const batches = [];
  rich.store.subscribe((batch) => batches.push(batch));
  run([rich, poor], 1000, 3000);
  assert.notEqual(rich.store.lastDot, first);
  assert.equal(batches.filter(({ origin }) => origin === "local").length, 1);
});

test("a replica that was forked is still watched, and ticks", () => {
  for (const rebalance of [false, true]) {
    const one = new Store();
    one.counter("c").increment();
    const [state, writer] = [one.encode(), one.writerRecord()];
    const stores = [new Store({ state, writer }), new Store({ state, writer })];
    const members = stores.map((store, at) => new Replica(store, { me: id(at + 1), storeId, seed: at + 1, rebalance }));
    members[0].join(members[1].me);
    members[1].join(members[0].me);
    let calls = 0;
    stores[0].subscribe(() => void calls++);
    stores[0].counter("c").increment();
    stores[1].counter("d").increment(2);
    stores[1].counter("d").increment(3);
    const events = [];
    for (let now = 0; now < 3000; now += 10) {
      for (const [at, member] of members.entries()) {
        member.tick(now);
        for (let message = member.pollTransmit(); message; message = member.pollTransmit()) {
          try {
            members[1 - at].receive(member.me, message.bytes, now);
          } catch (error) {
            assert.equal(error.code, "forked");
          }
        }
        for (let event = member.pollEvent(); event; event = member.pollEvent()) events.push([at, event.type]);
      }
    }
    const [forked] = events.find(([, type]) => type === "forked");
    assert.throws(() => stores[forked].counter("c").increment(), { code: "forked" });
    // It can be watched first now, and its conflicts logged.
    stores[forked].subscribe(() => void calls++);
    stores[forked].set("s").snapshot();
    new ConflictLog(stores[forked]);
    members[forked].rebase();
    run(members, 3000, 6000);
    assert.deepEqual(stores[0].toJSON(), stores[1].toJSON());
    assert.equal(stores[0].counter("d").value, 5);
    assert.ok(calls > 1);
  }
});

test("how rights are moved is said in known words", () => {
  for (const rebalance of [0, null, "yes", { windows: 1 }]) {
    assert.throws(() => group(1, { rebalance }), failsWith("invalid-argument"), String(rebalance));
  }
});

test("who has no connection counts for confirmations, and observers do not", () => {
  const [a, b, c] = group(3);
  assert.deepEqual(a.members().map(({ isConnected }) => isConnected), [true, true]);
  a.store.set("seats").add(1);
  assert.ok(a.disconnected(b.me) && !a.disconnected(b.me) && a.disconnected(c.me));
  a.tick(100_000);
  assert.equal(a.pollTransmit(), undefined);
  const majority = a.confirm(a.store.lastDot, "majority", 200_000);
  a.tick(200_000);
  const events = [];
  for (let event = a.pollEvent(); event !== undefined; event = a.pollEvent()) events.push(event);
  const late = events.find(({ type }) => type === "unreachable");
  assert.deepEqual([late.ticket, [...late.missing].sort()], [majority, [b.me, c.me].sort()]);
  // All others are observers: this one is the majority.
  a.join(b.me, "observer");
  a.join(c.me, "observer");
  const alone = a.confirm(a.store.lastDot, "majority", 300_000);
  assert.deepEqual(a.pollEvent(), { type: "confirmed", ticket: alone });
  assert.ok(a.connected(b.me) && !a.connected("00000000-0000-4000-8000-00000000abcd"));
  assert.throws(() => a.join(b.me, "guest"), failsWith("invalid-argument"));
});
