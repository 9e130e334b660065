import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "dotted-crdt";
import { MemoryStorage } from "dotted-crdt/storage";
import { Sync } from "dotted-crdt/sync";

import { isSame, open, STORE, until, wire } from "./helpers.mjs";

const limit = { timeout: 20_000 };

test("two that are linked become the same, and say so", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  here.store.set("cart").addAll(["milk", "tea"]);
  there.store.counter("likes").increment(3);
  await until(() => here.snapshot().state === "in-sync" && there.snapshot().state === "in-sync" && isSame(here, there));
  assert.deepEqual(there.store.set("cart").toArray(), ["milk", "tea"]);
  assert.equal(here.store.counter("likes").value, 3);
  assert.ok(here.traffic.sent > 0 && here.traffic.received > 0);
});

test("what is written while the link is cut arrives when it is healed, and conflicts are counted", limit, async (t) => {
  const net = wire();
  const here = await open(t, { links: [net.ends[0]] });
  const there = await open(t, { links: [net.ends[1]] });
  await until(() => here.snapshot().state === "in-sync");
  net.cut();
  assert.deepEqual(here.replica.members().map(({ isConnected }) => isConnected), [false]);
  here.store.record("profile").set("name", "Aki");
  there.store.record("profile").set("name", "Ann");
  await until(() => here.snapshot().state === "offline");
  assert.equal(here.snapshot().links[0].error.code, "connection");
  net.heal();
  await until(() => isSame(here, there) && here.snapshot().conflicts === 1 && there.snapshot().conflicts === 1);
  const [conflict] = here.store.conflicts();
  here.store.record("profile").set(conflict.key, "Aki and Ann");
  await until(() => there.snapshot().conflicts === 0);
  assert.equal(there.store.record("profile").get("name"), "Aki and Ann");
});

test("who is between two passes on what comes from one of them", limit, async (t) => {
  const [left, right] = [wire(), wire()];
  const first = await open(t, { links: [left.ends[0]] });
  const middle = await open(t, { links: [left.ends[1], right.ends[0]] });
  const last = await open(t, { links: [right.ends[1]] });
  first.store.set("cart").add("milk");
  await until(() => last.store.set("cart").has("milk"));
  assert.equal(first.replica.members().length, 1);
  assert.equal(middle.replica.members().length, 2);
});

test("stores with other ids do not meet", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]], announce: 5 });
  const there = await open(t, { links: [ends[1]], announce: 5, storeId: STORE.replace("5a", "5b") });
  here.store.counter("likes").increment();
  await until(() => there.traffic.received > 500);
  assert.equal(here.snapshot().peers.length + there.snapshot().peers.length, 0);
  assert.equal(there.store.counter("likes").value, 0);
});

test("garbage on a link changes nothing, and what follows arrives", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  await until(() => there.snapshot().peers.length === 1);
  const version = there.store.version();
  let seed = 7;
  for (let round = 0; round < 200; round++) {
    const bytes = new Uint8Array(round);
    for (let at = 0; at < round; at++) bytes[at] = (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) >> 16;
    // Half of them look like messages of the other one.
    if (round % 2 === 0 && round >= 33) {
      bytes[0] = 2;
      const uuid = here.replica.me.replaceAll("-", "");
      for (let at = 0; at < 16; at++) bytes[1 + at] = Number.parseInt(uuid.slice(2 * at, 2 * at + 2), 16);
      bytes.fill(0, 17, 33);
    }
    ends[1].listener.receive(bytes);
  }
  assert.deepEqual(there.store.version(), version);
  assert.equal(typeof there.snapshot().state, "string");
  here.store.set("cart").add("milk");
  await until(() => there.store.set("cart").has("milk"));
});

test("snapshots are the same object until something changes", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  await until(() => here.snapshot().state === "in-sync");
  let calls = 0;
  here.subscribe(() => (calls += 1));
  const before = here.snapshot();
  assert.equal(here.snapshot(), before);
  here.store.counter("likes").increment();
  await until(() => calls > 0);
  assert.notEqual(here.snapshot(), before);
  assert.equal(here.snapshot(), here.snapshot());
});

test("a subscriber that throws keeps nobody from being called", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  const thrown = [];
  const report = globalThis.reportError;
  globalThis.reportError = (error) => thrown.push(error.message);
  t.after(() => (globalThis.reportError = report));
  let called = 0;
  here.subscribe(() => {
    throw new Error("mine");
  });
  here.subscribe(() => (called += 1));
  await open(t, { links: [ends[1]] });
  await until(() => called > 0);
  assert.equal(thrown[0], "mine");
});

test("many who come and go are forgotten, and one who comes back takes part under another name", limit, async (t) => {
  let listener;
  const link = { name: "crowd", open: (to) => (listener = to).state("open"), send: () => true, close() {} };
  const here = await open(t, { links: [link], bounds: { members: 300 } });
  const { encodeFrame, FrameKind, helloOf } = await import("dotted-crdt/sync");
  const content = helloOf(STORE, false);
  for (let peer = 0; peer < 1_000; peer++) {
    const from = `00000000-0000-4000-8000-${peer.toString(16).padStart(12, "0")}`;
    listener.receive(encodeFrame({ kind: FrameKind.Hello, from, to: undefined, content }));
    assert.deepEqual(here.snapshot().problem, undefined);
    listener.receive(encodeFrame({ kind: FrameKind.Bye, from, to: undefined, content: new Uint8Array() }));
  }
  assert.ok(here.replica.members().length <= 300 && !here.replica.members().some(({ isConnected }) => isConnected));
  const { me } = here.replica;
  here.store.counter("likes").increment();
  listener.receive(encodeFrame({ kind: FrameKind.Refused, from: STORE, to: me, content: new Uint8Array() }));
  assert.notEqual(here.replica.me, me);
  assert.equal(here.store.counter("likes").value, 1);
});

test("who comes back by a new link is not lost when the old one breaks", limit, async (t) => {
  const { encodeFrame, FrameKind, helloOf } = await import("dotted-crdt/sync");
  const [old, line] = [0, 1].map((at) => ({
    name: `line ${at}`,
    sent: [],
    open(to) {
      this.listener = to;
      to.state("open");
    },
    send(bytes) {
      this.sent.push(bytes);
      return true;
    },
    close() {},
  }));
  const here = await open(t, { relay: true, announce: 1_000_000, links: [old, line] });
  const from = "00000000-0000-4000-8000-000000000001";
  const hello = encodeFrame({ kind: FrameKind.Hello, from, to: undefined, content: helloOf(STORE, true) });
  old.listener.receive(hello);
  line.listener.receive(hello);
  old.listener.state("closed");
  assert.equal(here.replica.members().length, 1);
  line.sent.length = 0;
  here.store.counter("likes").increment();
  await until(() => line.sent.some((bytes) => bytes[0] === FrameKind.Message));
});

test("after the store is freed, nothing throws and the session ends", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  here.store.free();
  assert.doesNotThrow(() => ends[0].listener?.receive(new Uint8Array(40)));
  here.close();
});

test("links that throw are told of, and neither keep others from working nor anything from ending", limit, async (t) => {
  const thrown = (what) => () => {
    throw new Error(what);
  };
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  t.after(() => delete globalThis.reportError);
  const net = wire();
  const broken = { name: "broken", open: (listener) => listener.state("open"), send: thrown("send"), close: thrown("close") };
  const unopened = { name: "unopened", open: thrown("open"), send: () => false, close() {} };
  const storage = new MemoryStorage();
  const here = await Sync.open({ storeId: STORE, storage, links: [broken, unopened, net.ends[0]] });
  const there = await open(t, { links: [net.ends[1]] });
  here.store.set("s").add("there");
  await until(() => there.store.set("s").has("there"));
  assert.deepEqual(here.snapshot().links.map(({ state }) => state), ["open", "closed", "open"]);
  assert.equal(here.snapshot().problem.code, "connection");
  await here.stored();
  here.close();
  here.store.free();
  assert.deepEqual(reported, ["close"]);
  await storage.open();
  await assert.rejects(Sync.open({ storeId: STORE, links: [net.ends[0], {}] }), { code: "invalid-argument" });
});

test("many conflicts are counted by what changes, and not listed again", limit, async (t) => {
  const here = await open(t);
  const there = new Store();
  const { store } = here;
  const sides = [store, there];
  const write = (side, from, to) => {
    const keys = Array.from({ length: to - from }, (_, at) => `key ${from + at}`);
    sides[side].map("m").setAll(keys.map((key) => [key, side]));
    sides[side].record("r").setAll(keys.map((key) => [key, side]));
    sides[side].register("one").set(side);
  };
  for (const side of [0, 1]) write(side, 0, 200);
  store.merge(there);
  let listed = 0;
  const conflicts = store.conflicts.bind(store);
  store.conflicts = () => ((listed += 1), conflicts());
  const check = () => assert.equal(here.snapshot().conflicts, conflicts().length);
  check();
  assert.equal(here.snapshot().conflicts, 401);
  assert.equal(listed, 1);
  store.map("m").set("key 3", "settled");
  check();
  store.resolve(conflicts()[0], 0);
  check();
  for (const side of [0, 1]) write(side, 300, 305);
  store.merge(there);
  check();
  there.record("r").clear();
  store.record("r").set("key 7", "again");
  store.merge(there);
  check();
  const before = listed;
  assert.ok(before <= 3, `listed ${before} times`);
  store.resolveAll("latest");
  check();
  assert.equal(here.snapshot().conflicts, 0);
});
