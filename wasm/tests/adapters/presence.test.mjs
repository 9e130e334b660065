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
  for (let at = 0; at < 2_000; at++) here.presence.receive(from(at), Buffer.from(String(at)), at);
  assert.equal(here.presence.snapshot().length, 1_024);
  here.presence.receive(from(1), Buffer.from("{not json"), 1_000);
  here.presence.receive(from(2), new Uint8Array([0xff, 0x22]), 1_000);
  here.presence.receive(from(3), new Uint8Array(10_000).fill(0x31), 1_000);
  assert.equal(here.presence.snapshot().length, 1_024);
  assert.equal(here.presence.snapshot()[0].state, 0);
});

test("people do not push each other out, and who comes later is shown once there is room", limit, async (t) => {
  const here = await open(t, { presence: { peers: 100 }, announce: 1 << 30 });
  const from = (at) => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;
  let changes = 0;
  here.presence.subscribe(() => (changes += 1));
  // 300 people speak in turns, for an hour.
  for (let minute = 0; minute < 60; minute++) {
    for (let at = 0; at < 300; at++) here.presence.receive(from(at), Buffer.from(String(at)), minute * 60_000 + at);
    here.presence.expire(minute * 60_000 + 30_000);
  }
  assert.deepEqual([here.presence.snapshot().length, changes], [100, 100]);
  here.presence.receive(from(7), new Uint8Array(), 60 * 60_000);
  here.presence.receive(from(200), Buffer.from("200"), 60 * 60_000);
  assert.ok(here.presence.snapshot().some(({ peer }) => peer === from(200)));
});

test("a hidden tab, which speaks once a minute, stays", limit, async (t) => {
  const here = await open(t, { announce: 1 << 30 });
  const [hidden, gone] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
  here.presence.receive(gone, Buffer.from("1"), 0);
  for (let minute = 0; minute < 5; minute++) {
    here.presence.receive(hidden, Buffer.from("1"), minute * 60_000);
    for (let second = 0; second < 60; second += 10) here.presence.expire(minute * 60_000 + second * 1_000);
    assert.ok(here.presence.snapshot().some(({ peer }) => peer === hidden), `minute ${minute}`);
  }
  assert.deepEqual(here.presence.snapshot().map(({ peer }) => peer), [hidden]);
});
