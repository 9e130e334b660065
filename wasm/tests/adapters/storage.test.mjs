import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { IndexedDbStorage, MemoryStorage } from "dotted-crdt/storage";
import { Sync } from "dotted-crdt/sync";

import { failing, isSame, open, quota, STORE, until, wire } from "./helpers.mjs";

const limit = { timeout: 20_000 };
const isStored = (sync) => sync.stored();

/** Web Locks, as far as they are needed, for several tabs of one process. */
function fakeLocks() {
  const held = new Set();
  return {
    held,
    async request(name, { ifAvailable }, callback) {
      assert.equal(ifAvailable, true);
      if (held.has(name)) return callback(null);
      held.add(name);
      try {
        return await callback({ name, mode: "exclusive" });
      } finally {
        held.delete(name);
      }
    },
  };
}

/** Waits until what is held was given back. */
const released = (locks) => until(() => locks.held.size === 0);

/** Ends one as closing the tab does. */
function end(sync) {
  sync.close();
  sync.store.free();
}

let databases = 0;
const places = {
  memory: () => {
    const storage = new MemoryStorage();
    return () => storage;
  },
  indexeddb: () => {
    const [name, locks] = [`test ${(databases += 1)}`, fakeLocks()];
    const make = () => new IndexedDbStorage({ name, locks });
    make.locks = locks;
    return make;
  },
};

for (const [place, make] of Object.entries(places)) {
  test(`${place}: what was written is there again, and the writer goes on`, limit, async (t) => {
    const storage = make();
    const first = await Sync.open({ storeId: STORE, storage: storage() });
    first.store.set("cart").addAll(["milk", "tea"]);
    first.store.counter("likes").increment(3);
    await isStored(first);
    first.store.set("cart").delete("tea");
    await isStored(first);
    const [clock, hash] = [first.store.clock(), first.store.stateHash()];
    end(first);
    if (storage.locks) await released(storage.locks);

    const second = await open(t, { storage: storage() });
    assert.deepEqual(second.store.clock(), clock);
    assert.equal(second.store.stateHash(), hash);
    second.store.counter("likes").increment();
    assert.equal(Object.keys(second.store.clock()).length, 1);
    assert.equal(second.store.counter("likes").value, 4);
  });

  test(`${place}: many parts become one, and nothing is lost`, limit, async (t) => {
    const storage = make();
    const first = await Sync.open({ storeId: STORE, storage: storage() });
    for (let round = 0; round < 150; round++) {
      first.store.map("m").set(`k${round % 7}`, round);
      await isStored(first);
    }
    const hash = first.store.stateHash();
    end(first);
    if (storage.locks) await released(storage.locks);
    const again = storage();
    const { parts } = await again.open();
    assert.ok(parts.length < 100, `${parts.length} parts`);
    again.close();
    if (storage.locks) await released(storage.locks);
    const second = await open(t, { storage: storage() });
    assert.equal(second.store.stateHash(), hash);
  });
}

test("tabs share a log, each under an id of its own, and a later tab has all of it", limit, async (t) => {
  const storage = places.indexeddb();
  const tabs = await Promise.all([1, 2, 3].map(() => Sync.open({ storeId: STORE, storage: storage() })));
  assert.equal(new Set(tabs.map(({ store }) => store.replica)).size, 3);
  for (let round = 0; round < 90; round++) {
    for (const [at, { store }] of tabs.entries()) store.set("s").add(`${at} ${round}`);
    await Promise.all(tabs.map(isStored));
  }
  tabs.forEach(end);
  await released(storage.locks);
  const later = await open(t, { storage: storage() });
  assert.equal(later.store.set("s").size, 270);
  assert.equal(Object.keys(later.store.clock()).length, 3);
});

test("without Web Locks every tab writes under a new id", limit, async (t) => {
  const name = `test ${(databases += 1)}`;
  const make = () => new IndexedDbStorage({ name, locks: undefined });
  for (let visit = 1; visit <= 3; visit++) {
    const sync = await Sync.open({ storeId: STORE, storage: make() });
    sync.store.counter("visits").increment();
    assert.equal(sync.store.counter("visits").value, visit);
    await isStored(sync);
    assert.equal(Object.keys(sync.store.clock()).length, visit);
    end(sync);
  }
});

test("nothing leaves before it is stored", limit, async (t) => {
  const { ends } = wire();
  const inner = new MemoryStorage();
  let release;
  const gate = new Promise((resolve) => (release = resolve));
  const storage = { ...failing(inner), append: async (part, writer) => (await gate, inner.append(part, writer)) };
  const here = await open(t, { storage, links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  await until(() => there.snapshot().state === "in-sync");
  here.store.set("cart").add("milk");
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(there.store.set("cart").has("milk"), false);
  assert.deepEqual(there.store.clock(), {});
  release();
  await until(() => there.store.set("cart").has("milk"));
});

test("a full disk is told, nothing is lost, others get it, and it is stored when there is room again", limit, async (t) => {
  const { ends } = wire();
  const inner = new MemoryStorage();
  const storage = failing(inner);
  // There is no room to add anything, but removing works: as with a quota.
  storage.fails = (call) => call === "append";
  const here = await open(t, { storage, links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  here.store.counter("likes").increment(5);
  await isStored(here);
  await until(() => there.store.counter("likes").value === 5);
  storage.error = quota();
  here.store.counter("likes").increment(7);
  await until(() => here.snapshot().storage.state === "failing");
  const { error } = here.snapshot().storage;
  assert.equal(error.name, "CrdtError");
  assert.equal(error.code, "quota");
  assert.equal(error.cause, storage.error);
  await until(() => there.store.counter("likes").value === 12);
  assert.equal(here.store.counter("likes").value, 12);
  storage.error = undefined;
  await isStored(here);
  assert.equal(here.snapshot().storage.error, undefined);
  end(here);
  // The one who comes next does not go on with a writer whose events had left before they were stored.
  const next = await open(t, { storage: inner });
  assert.equal(next.store.counter("likes").value, 12);
  next.store.counter("likes").increment();
  assert.equal(Object.keys(next.store.clock()).length, 2);
});

test("where not even removing works, what is written waits in memory", limit, async (t) => {
  const { ends } = wire();
  const storage = failing(new MemoryStorage());
  const here = await open(t, { storage, links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  await until(() => here.snapshot().state === "in-sync");
  storage.error = new Error("the disk is gone");
  here.store.set("cart").add("milk");
  there.store.set("cart").add("tea");
  await until(() => here.snapshot().storage.error?.code === "storage" && here.store.set("cart").has("tea"));
  assert.deepEqual(there.store.set("cart").toArray(), ["tea"]);
  storage.error = undefined;
  await until(() => there.store.set("cart").size === 2 && isSame(here, there));
});

test("a storage that cannot be opened leaves a store in memory, and is merged when it can", limit, async (t) => {
  const inner = new MemoryStorage();
  const before = await Sync.open({ storeId: STORE, storage: inner });
  before.store.set("cart").add("milk");
  await isStored(before);
  end(before);
  const storage = failing(inner);
  storage.error = new DOMException("not allowed here", "SecurityError");
  const here = await open(t, { storage });
  assert.equal(here.snapshot().storage.error.code, "storage");
  here.store.set("cart").add("tea");
  storage.error = undefined;
  await isStored(here);
  assert.equal(here.store.set("cart").size, 2);
  end(here);
  const next = await open(t, { storage: inner });
  assert.equal(next.store.set("cart").size, 2);
});

test("parts that cannot be read are told, stay where they are, and the rest is there", limit, async (t) => {
  const inner = new MemoryStorage();
  const before = await Sync.open({ storeId: STORE, storage: inner });
  before.store.set("cart").add("milk");
  await isStored(before);
  const { replica } = before.store;
  end(before);
  await inner.append(new Uint8Array([1, 2, 3]), undefined);
  const here = await open(t, { storage: inner });
  // It may have written what cannot be read.
  assert.notEqual(here.store.replica, replica);
  assert.equal(here.snapshot().storage.error.code, "truncated");
  assert.ok(here.store.set("cart").has("milk"));
  for (let round = 0; round < 80; round++) {
    here.store.counter("likes").increment();
    await here.stored();
  }
  assert.equal(here.snapshot().storage.error.code, "truncated");
  end(here);
  const { parts } = await inner.open();
  assert.ok(parts.some((part) => part.length === 3), "the damaged part was thrown away");
  inner.close();
  const next = await open(t, { storage: inner });
  assert.equal(next.store.counter("likes").value, 80);
});

test("parts that cannot be put together are told, and writing goes on", limit, async (t) => {
  const storage = failing(new MemoryStorage());
  storage.fails = (call) => call === "compact";
  storage.error = quota();
  const here = await open(t, { storage });
  for (let round = 0; round < 65; round++) {
    here.store.counter("likes").increment();
    await here.stored();
  }
  await until(() => here.snapshot().storage.error?.code === "quota");
  assert.equal(here.snapshot().storage.state, "saved");
  storage.error = undefined;
  for (let round = 0; round < 65; round++) {
    here.store.counter("likes").increment();
    await here.stored();
  }
  await until(() => storage.inner.size < 2_000);
  assert.equal(here.snapshot().storage.error, undefined);
  assert.equal(here.store.counter("likes").value, 130);
});

test("a copied profile is noticed, and nothing that either has written is lost or counted twice", limit, async (t) => {
  const inner = new MemoryStorage();
  const before = await Sync.open({ storeId: STORE, storage: inner });
  before.store.counter("likes").increment();
  await before.stored();
  end(before);
  const { parts, writer } = await inner.open();
  inner.close();
  const copy = new MemoryStorage();
  for (const part of parts) await copy.append(part, writer);

  const net = wire();
  const storages = [inner, copy];
  const options = { storeId: STORE, rebalance: true };
  const sides = await Promise.all(storages.map((storage) => Sync.open({ ...options, storage })));
  // Who is told of changes goes on being told, and what moves rights does not stand in the way.
  const told = sides.map(() => 0);
  sides.forEach(({ store }, side) => store.subscribe(() => void told[side]++));
  assert.equal(sides[0].store.replica, sides[1].store.replica);
  const write = (side, rounds, by) => {
    for (let round = 0; round < rounds; round++) {
      sides[side].store.counter("likes").increment(by);
      sides[side].store.set("words").add(`${side} ${round}`);
    }
  };
  write(0, 2, 10);
  write(1, 3, 100);
  await Promise.all(sides.map((side) => side.stored()));
  sides.forEach((side, at) => side.attach(net.ends[at]));
  await until(() => sides.every(({ store }) => store.counter("likes").value === 321));
  assert.ok(sides.some((side) => side.snapshot().problem?.type === "forked"));
  assert.notEqual(sides[0].store.replica, sides[1].store.replica);
  sides.forEach(({ store }) => store.counter("likes").increment(1_000));
  await until(() => sides.every(({ store }) => store.counter("likes").value === 2_321));
  assert.ok(told.every((count) => count > 3));
  await Promise.all(sides.map((side) => side.stored()));
  sides.forEach(end);
  for (const storage of storages) {
    const after = await open(t, { storage });
    assert.equal(after.store.counter("likes").value, 2_321);
    assert.equal(after.store.set("words").size, 5);
  }
});

test("an adapter is used by one at a time", limit, async (t) => {
  const inner = new MemoryStorage();
  const first = await open(t, { storage: inner });
  const second = await open(t, { storage: inner });
  assert.equal(second.snapshot().storage.error.code, "storage");
  assert.equal(first.snapshot().storage.state, "saved");
});

test("whoever waits for storage learns that it was closed", limit, async () => {
  const storage = failing(new MemoryStorage());
  const here = await Sync.open({ storeId: STORE, storage });
  storage.error = quota();
  here.store.counter("likes").increment();
  assert.equal(here.snapshot().storage.state, "saving");
  const waiting = here.stored();
  end(here);
  await assert.rejects(waiting, { name: "CrdtError", code: "storage" });
  await assert.rejects(here.stored(), { name: "CrdtError", code: "storage" });
});

test("who closes while a part is being stored leaves the storage to the next one afterwards", limit, async (t) => {
  class Slow extends MemoryStorage {
    async append(part, writer) {
      await pause(20);
      return super.append(part, writer);
    }
  }
  const storage = new Slow();
  const first = await Sync.open({ storeId: STORE, storage });
  first.store.set("s").add("one");
  await first.stored();
  first.store.set("s").add("two");
  await pause(5);
  end(first);
  const second = await open(t, { storage });
  second.store.set("s").add("three");
  await second.stored();
  second.close();
  const third = await open(t, { storage });
  assert.deepEqual(third.store.set("s").toArray().sort(), ["one", "three", "two"]);
  assert.equal(third.store.stateHash(), second.store.stateHash());
});

test("an adapter that answers nonsense is a storage that fails", limit, async (t) => {
  const here = await open(t, { storage: { open: async () => ({ parts: 5 }), close() {} } });
  assert.equal(here.snapshot().storage.state, "failing");
  assert.equal(here.snapshot().storage.error.code, "storage");
});

test("wrong options are refused, and the storage is given back", limit, async () => {
  const inner = new MemoryStorage();
  await assert.rejects(Sync.open({ storeId: "no uuid", storage: inner }), { name: "CrdtError", code: "invalid-id" });
  await inner.open();
});

/** Storage of which the test has the connections in its hands. */
function connections(t) {
  const made = [];
  const factory = {
    open(...args) {
      const request = indexedDB.open(...args);
      request.addEventListener("success", () => made.push(request.result));
      return request;
    },
    deleteDatabase: (name) => indexedDB.deleteDatabase(name),
  };
  const [name, locks] = [`test ${(databases += 1)}`, fakeLocks()];
  return { made, name, locks, storage: () => new IndexedDbStorage({ name, factory, locks }) };
}

test("a connection that the browser closes is opened again, and nothing is lost", limit, async (t) => {
  const { made, storage, locks } = connections(t);
  const first = await Sync.open({ storeId: STORE, storage: storage(), storageRetry: 5 });
  for (let round = 0; round < 6; round++) {
    first.store.set("s").add(round);
    await first.stored();
    const database = made.at(-1);
    database.close();
    // With a word, and without one.
    if (round % 2 === 0) database.onclose?.(new Event("close"));
  }
  first.store.set("s").add("last");
  await first.stored();
  assert.equal(first.snapshot().storage.state, "saved");
  assert.ok(made.length > 4);
  end(first);
  await released(locks);
  const second = await open(t, { storage: storage() });
  assert.equal(second.store.set("s").size, 7);
  // The writer goes on: it was not given up.
  second.store.set("s").add("more");
  assert.equal(Object.keys(second.store.clock()).length, 1);
});

test("site data that is cleared is stored again, by all tabs", limit, async (t) => {
  const { made, name, storage, locks } = connections(t);
  const tabs = [0, 1].map(() => Sync.open({ storeId: STORE, storage: storage(), storageRetry: 5 }));
  const [one, other] = await Promise.all(tabs);
  one.store.set("s").add("of one");
  other.store.set("s").add("of the other");
  await Promise.all([one.stored(), other.stored()]);
  // Clearing closes all connections.
  await new Promise((resolve) => (indexedDB.deleteDatabase(name).onsuccess = resolve));
  one.store.set("s").add("after");
  await one.stored();
  other.store.set("s").add("afterwards");
  await other.stored();
  assert.deepEqual([one, other].map((sync) => sync.snapshot().storage.state), ["saved", "saved"]);
  [one, other].forEach(end);
  await released(locks);
  const next = await open(t, { storage: storage() });
  assert.deepEqual(next.store.set("s").toArray().sort(), ["after", "afterwards", "of one", "of the other"]);
});
