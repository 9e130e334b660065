import assert from "node:assert/strict";
import { test } from "node:test";

import { open, until, wire } from "./helpers.mjs";

const limit = { timeout: 20_000 };

test("others see what one shows, until it goes, and it is never in the store", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  here.presence.set({ name: "Aki", seat: "A1" });
  await until(() => there.presence.snapshot().length === 1);
  assert.deepEqual(there.presence.snapshot()[0], { peer: here.replica.me, state: { name: "Aki", seat: "A1" } });
  assert.equal(there.presence.snapshot(), there.presence.snapshot());
  assert.deepEqual(here.store.names(), []);
  assert.deepEqual(there.store.clock(), {});
  here.presence.set(undefined);
  await until(() => there.presence.snapshot().length === 0);
  here.presence.set("again");
  await until(() => there.presence.snapshot().length === 1);
  here.close();
  await until(() => there.presence.snapshot().length === 0);
});

test("who comes later sees it, too", limit, async (t) => {
  const { ends } = wire();
  const here = await open(t, { links: [ends[0]] });
  here.presence.set("here");
  const there = await open(t, { links: [ends[1]] });
  await until(() => there.presence.snapshot()[0]?.state === "here");
});

test("a relay shows who is there to who comes later, at once", limit, async (t) => {
  const [left, right] = [wire(), wire()];
  const quiet = { announce: 1_000_000 };
  await open(t, { ...quiet, relay: true, links: [left.ends[1], right.ends[0]] });
  const here = await open(t, quiet);
  here.presence.set("here");
  here.attach(left.ends[0]);
  await until(() => here.snapshot().state === "in-sync");
  const there = await open(t, { ...quiet, links: [right.ends[1]] });
  await until(() => there.presence.snapshot()[0]?.state === "here");
  assert.equal(there.presence.snapshot()[0].peer, here.replica.me);
  here.close();
  await until(() => there.presence.snapshot().length === 0);
});

test("who was silent for long is forgotten", limit, async (t) => {
  const net = wire();
  const here = await open(t, { links: [net.ends[0]] });
  const there = await open(t, { links: [net.ends[1]], announce: 5, presence: { expire: 30 } });
  here.presence.set("here");
  await until(() => there.presence.snapshot().length === 1);
  net.ends[0].isUp = false;
  await until(() => there.presence.snapshot().length === 0);
});

test("what is shown is bounded, and must be JSON", limit, async (t) => {
  const here = await open(t);
  here.presence.set("before");
  assert.throws(() => here.presence.set("x".repeat(5_000)), { name: "CrdtError", code: "too-large" });
  assert.throws(() => here.presence.set(() => 1), { name: "CrdtError", code: "invalid-value" });
  assert.throws(() => here.presence.set(1n), { name: "CrdtError", code: "invalid-value" });
  assert.equal(here.presence.own, "before");
  const from = (at) => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;
  here.presence.receive(from(1), Buffer.from("1"), 1);
  here.presence.receive(from(1), Buffer.from("{not json"), 1_000);
  here.presence.receive(from(2), new Uint8Array([0xff, 0x22]), 1_000);
  here.presence.receive(from(3), new Uint8Array(10_000).fill(0x31), 1_000);
  assert.deepEqual(here.presence.snapshot(), [{ peer: from(1), state: 1 }]);
});

test("a hidden tab that speaks once a minute stays, and one that is silent for longer goes", limit, async (t) => {
  const { presence } = await open(t);
  let told = 0;
  presence.subscribe(() => (told += 1));
  const minute = 60_000;
  for (let at = 0; at < 5; at++) {
    presence.receive("tab", Buffer.from("1"), at * minute);
    for (let second = 0; second < 60; second += 10) presence.expire(at * minute + second * 1_000);
  }
  assert.equal(told, 1);
  presence.expire(4 * minute + 90_001);
  assert.equal(presence.snapshot().length, 0);
});

test("more than there is room for do not push each other out, and come in when somebody goes", limit, async (t) => {
  const { presence } = await open(t, { presence: { peers: 300 } });
  let told = 0;
  presence.subscribe(() => (told += 1));
  const show = (from, to, now) => {
    for (let at = from; at < to; at++) presence.receive(String(at).padStart(4, "0"), Buffer.from(String(at)), now);
  };
  for (let round = 0; round < 4; round++) show(0, 500, round);
  assert.equal(told, 300);
  assert.deepEqual(presence.snapshot().map(({ state }) => state), Array.from({ length: 300 }, (_, at) => at));
  presence.remove("0007");
  show(300, 500, 5);
  assert.equal(presence.snapshot().length, 300);
  assert.equal(presence.snapshot()[299].state, 300);
  // Who fell silent makes room, too, before anybody asks.
  show(400, 500, 100_000);
  assert.deepEqual(presence.snapshot().map(({ state }) => state), Array.from({ length: 100 }, (_, at) => 400 + at));
});
