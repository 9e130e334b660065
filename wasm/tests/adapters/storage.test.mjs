import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { Store } from "dotted-crdt";
import { IndexedDbStorage, MemoryStorage } from "dotted-crdt/storage";
import { Sync } from "dotted-crdt/sync";

import { failing, isSame, open, quota, STORE, until, wire } from "./helpers.mjs";

const limit = { timeout: 20_000 };
const isStored = (sync) => sync.stored();

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
    const name = `test ${(databases += 1)}`;
    return () => new IndexedDbStorage({ name });
  },
};

for (const [place, make] of Object.entries(places)) {
  test(`${place}: what was written is there again, and the writer goes on where the storage is exclusive`, limit, async (t) => {
    const storage = make();
    const first = await Sync.open({ storeId: STORE, storage: storage() });
    first.store.set("cart").addAll(["milk", "tea"]);
    first.store.counter("likes").increment(3);
    await isStored(first);
    first.store.set("cart").delete("tea");
    await isStored(first);
    const [clock, hash] = [first.store.clock(), first.store.stateHash()];
    end(first);

    const second = await open(t, { storage: storage() });
    assert.deepEqual(second.store.clock(), clock);
    assert.equal(second.store.stateHash(), hash);
    second.store.counter("likes").increment();
    assert.equal(Object.keys(second.store.clock()).length, place === "memory" ? 1 : 2);
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
    const again = storage();
    const { parts } = await again.open();
    assert.ok(parts.length < 100, `${parts.length} parts`);
    again.close();
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
  const later = await open(t, { storage: storage() });
  assert.equal(later.store.set("s").size, 270);
  assert.equal(Object.keys(later.store.clock()).length, 3);
});

test("in IndexedDB every visit that writes has a new id, and those that do not leave no trace", limit, async (t) => {
  const make = places.indexeddb();
  for (let visit = 1; visit <= 3; visit++) {
    const sync = await Sync.open({ storeId: STORE, storage: make() });
    sync.store.counter("visits").increment();
    assert.equal(sync.store.counter("visits").value, visit);
    await isStored(sync);
    assert.equal(Object.keys(sync.store.clock()).length, visit);
    end(sync);
    const reader = await Sync.open({ storeId: STORE, storage: make() });
    assert.equal(reader.store.counter("visits").value, visit);
    await isStored(reader);
    end(reader);
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

/** IndexedDB whose connections can be closed as the browser does it. */
function closing() {
  const connections = [];
  return {
    connections,
    open(...named) {
      const request = indexedDB.open(...named);
      request.addEventListener("success", () => connections.push(request.result));
      return request;
    },
    deleteDatabase: (name) => indexedDB.deleteDatabase(name),
  };
}

for (const [how, close] of Object.entries({
  "and says so": (connection) => (connection.close(), connection.onclose?.()),
  "without a word": (connection) => connection.close(),
})) {
  test(`a connection that the browser closes ${how} is opened again, and nothing is lost`, limit, async (t) => {
    const [name, factory] = [`test ${(databases += 1)}`, closing()];
    const here = await open(t, { storage: new IndexedDbStorage({ name, factory }) });
    for (let round = 0; round < 5; round++) {
      here.store.counter("likes").increment();
      await here.stored();
      close(factory.connections.at(-1));
    }
    // A connection each time, and no more.
    assert.equal(factory.connections.length, 5);
    assert.equal(here.snapshot().storage.error, undefined);
    const after = await open(t, { storage: new IndexedDbStorage({ name }) });
    assert.equal(after.store.counter("likes").value, 5);
  });
}

test("when the site's data are cleared all is stored anew, also if another tab was first", limit, async (t) => {
  for (const isFirst of [false, true]) {
    const name = `test ${(databases += 1)}`;
    const here = await open(t, { storage: new IndexedDbStorage({ name }) });
    here.store.set("s").addAll(["a", "b"]);
    await here.stored();
    // Open connections make way.
    await new IndexedDbStorage({ name }).destroy();
    if (isFirst) {
      const other = await open(t, { storage: new IndexedDbStorage({ name }) });
      other.store.set("s").add("other");
      await other.stored();
    }
    here.store.set("s").add("c");
    await here.stored();
    const after = await open(t, { storage: new IndexedDbStorage({ name }) });
    assert.deepEqual(after.store.set("s").toArray().sort(), isFirst ? ["a", "b", "c", "other"] : ["a", "b", "c"]);
  }
});

test("while IndexedDB fails, what is written reaches others, and is stored afterwards", limit, async (t) => {
  const { ends } = wire();
  const storage = failing(places.indexeddb()());
  const here = await open(t, { storage, links: [ends[0]] });
  const there = await open(t, { links: [ends[1]] });
  here.store.set("s").add("before");
  await here.stored();
  storage.error = new DOMException("the connection is lost", "UnknownError");
  here.store.set("s").add("meanwhile");
  await until(() => there.store.set("s").has("meanwhile"));
  await until(() => here.snapshot().storage.state === "failing");
  there.store.set("s").add("from there");
  await until(() => here.store.set("s").has("from there"));
  storage.error = undefined;
  await here.stored();
  end(here);
  const after = await open(t, { storage: storage.inner });
  assert.equal(after.store.set("s").size, 3);
});

test("a damaged part hides nothing behind it", limit, async (t) => {
  const names = Array.from({ length: 6 }, (_, at) => `part ${at}`);
  const written = new MemoryStorage();
  const before = await Sync.open({ storeId: STORE, storage: written });
  for (const name of names) {
    before.store.set("s").add(name);
    await before.stored();
  }
  end(before);
  const { parts } = await written.open();
  assert.equal(parts.length, names.length);
  for (let damaged = 0; damaged < parts.length; damaged++) {
    const storage = new MemoryStorage();
    for (const [at, part] of parts.entries()) {
      const bytes = part.slice();
      if (at === damaged) bytes[bytes.length - 3] ^= 0xff;
      await storage.append(bytes, undefined);
    }
    const here = await open(t, { storage });
    assert.ok(here.snapshot().storage.error, "the damage is not told");
    // What the next one does not hold again is the last one.
    const lost = damaged === names.length - 1 ? 1 : 0;
    assert.deepEqual(here.store.set("s").toArray(), names.slice(0, names.length - lost));
    here.store.set("s").add("more");
    await here.stored();
    end(here);
  }
});

test("whole parts that build on what is damaged wait for it to come from others", limit, async (t) => {
  const written = new MemoryStorage();
  const before = await Sync.open({ storeId: STORE, storage: written });
  for (const name of ["a", "b", "c", "d", "e"]) {
    before.store.set("s").add(name);
    await before.stored();
  }
  const version = before.store.version();
  const hash = before.store.stateHash();
  end(before);
  const { parts: log } = await written.open();
  const storage = new MemoryStorage();
  // Two in a row: the next one builds on what both have.
  for (const [at, part] of log.entries()) await storage.append(at === 1 || at === 2 ? part.slice(0, 9) : part, undefined);
  const { ends } = wire();
  const here = await open(t, { storage, links: [ends[0]] });
  assert.deepEqual(here.store.set("s").toArray(), ["a"]);
  // Somebody has what is missing, and nothing more.
  const there = await open(t, { links: [ends[1]] });
  for (const part of log.slice(0, 3)) there.store.apply(part);
  await until(() => here.store.set("s").size === 5);
  assert.deepEqual(here.store.version(), version);
  assert.equal(here.store.stateHash(), hash);
});

test("where nothing that is stored can be read, whoever opens it is told, and it stays as it is", limit, async (t) => {
  const storage = new MemoryStorage();
  const bad = new Uint8Array([1, 2, 3]);
  await storage.append(bad, undefined);
  await assert.rejects(Sync.open({ storeId: STORE, storage }), { name: "CrdtError", code: "damaged" });
  const here = await open(t, { storage, acceptDamage: true });
  assert.equal(here.snapshot().storage.error.code, "truncated");
  for (let round = 0; round < 140; round++) {
    here.store.counter("c").increment();
    await here.stored();
  }
  end(here);
  const { parts } = await storage.open();
  storage.close();
  assert.ok(parts.length < 80, `${parts.length} parts`);
  assert.ok(parts.some((part) => Buffer.from(part).equals(Buffer.from(bad))), "the damaged part was thrown away");
  const after = await open(t, { storage });
  assert.equal(after.store.counter("c").value, 140);
});

test("repairing a copied profile keeps what other tabs have stored", limit, async (t) => {
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
  const sides = await Promise.all([inner, copy].map((storage) => Sync.open({ storeId: STORE, storage })));
  sides.forEach(({ store }, side) => {
    for (let round = 0; round <= side; round++) store.counter("likes").increment(10 ** (side + 1));
  });
  await Promise.all(sides.map((side) => side.stored()));
  // Another tab has stored something that nobody else has seen.
  for (const storage of [inner, copy]) {
    const tab = new Store();
    for (const part of parts) tab.apply(part);
    const known = tab.version();
    tab.set("tab").add("mine");
    await storage.append(tab.encodeSince(known), undefined);
  }
  sides.forEach((side, at) => side.attach(net.ends[at]));
  await until(() => sides.every(({ store }) => store.counter("likes").value === 211));
  await Promise.all(sides.map((side) => side.stored()));
  const forked = sides.findIndex((side) => side.snapshot().problem?.type === "forked");
  sides.forEach(end);
  const after = await open(t, { storage: [inner, copy][forked] });
  assert.deepEqual(after.store.set("tab").toArray(), ["mine"]);
  assert.equal(after.store.counter("likes").value, 211);
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
