// Snapshots of large maps share what has not changed, and read like any other object.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";

import { LwwMap, Store } from "../dist/node.js";

const filled = (store, count) => store.map("m").setAll(Array.from({ length: count }, (_, at) => [`key ${at}`, { at }]));

test("a snapshot is what the map shows, whatever happened, and never changes", () => {
  let seed = 3;
  const random = (below) => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) % below;
  const [store, other] = [new Store(), new Store()];
  filled(store, 3_000);
  other.merge(store);
  const map = store.map("m");
  const kept = [];
  for (let round = 0; round < 300; round++) {
    const key = `key ${random(3_300)}`;
    const acts = [
      () => map.set(key, round), () => map.delete(key), () => other.map("m").set(key, -round), () => other.map("m").delete(key),
      () => store.merge(other), () => other.merge(store),
      () => store.batch(() => { map.set(key, "in"); map.snapshot(); map.set("__proto__", round); map.delete(key); }),
      () => assert.throws(() => store.batch(() => { map.set(key, "no"); map.snapshot(); return Promise.resolve(); })),
    ];
    // At times nobody looks for a while.
    acts[random(acts.length)]();
    if (random(3) > 0) continue;
    const snapshot = map.snapshot();
    assert.equal(map.snapshot(), snapshot);
    const object = map.toObject();
    assert.deepEqual(Object.keys(snapshot).sort(), Object.keys(object).sort());
    for (const name of Object.keys(object)) assert.deepEqual(snapshot[name], object[name]);
    kept.push([snapshot, JSON.stringify(snapshot)]);
  }
  for (const [snapshot, text] of kept.slice(-20)) assert.equal(JSON.stringify(snapshot), text);
  map.clear();
  assert.deepEqual(map.snapshot(), {});
  filled(store, 2_000);
  assert.equal(Object.keys(map.snapshot()).length, 2_000);
  store.remove("m");
  assert.deepEqual(map.snapshot(), {});
});

test("what has not changed is the same object, and one change reads one key", () => {
  const store = new Store();
  filled(store, 10_000);
  const map = store.map("m");
  const before = map.snapshot();
  let [whole, single] = [0, 0];
  const [toObject, get] = [map.toObject.bind(map), map.get.bind(map)];
  map.toObject = () => ((whole += 1), toObject());
  map.get = (key) => ((single += 1), get(key));
  for (let round = 0; round < 50; round++) {
    map.set(`key ${round}`, round);
    assert.equal(map.snapshot()[`key ${round}`], round);
  }
  assert.deepEqual([whole, single], [0, 50]);
  assert.equal(map.snapshot()["key 77"], before["key 77"]);
  assert.deepEqual(before["key 3"], { at: 3 });
});

test("it reads like a frozen object", () => {
  const map = new LwwMap();
  map.setAll(Array.from({ length: 2_000 }, (_, at) => [`key ${at}`, at]));
  const snapshot = map.snapshot();
  assert.throws(() => { snapshot["key 1"] = 5; }, TypeError);
  assert.throws(() => { snapshot.more = 5; }, TypeError);
  assert.throws(() => { delete snapshot["key 1"]; }, TypeError);
  assert.ok("key 1" in snapshot && !("no key" in snapshot) && Object.hasOwn(snapshot, "key 2"));
  assert.equal(snapshot.missing, undefined);
  assert.equal(Object.getPrototypeOf(snapshot), Object.prototype);
  assert.equal(String(snapshot), "[object Object]");
  assert.deepEqual({ ...snapshot }, map.toObject());
  assert.deepEqual(snapshot, map.toObject());
  assert.match(inspect(snapshot), /'key 1'|key 0/);
  // It can be stored, too.
  const other = new LwwMap();
  other.set("copy", snapshot);
  assert.deepEqual(other.get("copy"), map.toObject());
});
