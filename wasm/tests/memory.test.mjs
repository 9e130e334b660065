// What is freed comes back: the memory of WebAssembly only grows, so a later round that needs more has lost something.
import assert from "node:assert/strict";
import { test } from "node:test";

let memory;
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...options) {
    super(...options);
    memory = this.exports.memory;
  }
};
const { LwwMap, OrSet, Replica, Store } = await import("../dist/node.js");

function round(count) {
  for (let number = 0; number < count; number++) {
    const [map, set, store] = [new LwwMap(), new OrSet(), new Store()];
    map.onUpdate((delta) => store.apply(delta));
    map.subscribe(() => {});
    map.setAll({ a: 1, b: "x".repeat(100), c: [1, 2, 3] });
    map.snapshot();
    map.set("a", 2);
    set.addAll([1, 2, 3]);
    assert.throws(() => set.add(undefined), { code: "invalid-value" });
    assert.throws(() => set.apply(new Uint8Array(50)), { code: "not-dotted" });
    new Replica(store, { me: crypto.randomUUID(), storeId: crypto.randomUUID() }).tick(1);
    const copy = new OrSet({ state: set.encode() });
    assert.equal(copy.size, 3);
    [map, set, store, copy].forEach((value) => value.free());
  }
}

test("what was freed is used again", () => {
  round(200);
  const before = memory.buffer.byteLength;
  for (let number = 0; number < 20_000; number++) {
    const set = new OrSet();
    set.addAll([number, "x".repeat(200)]);
    set.free();
  }
  assert.ok(memory.buffer.byteLength - before <= 4 << 16, `${memory.buffer.byteLength - before} bytes more`);
});

test("errors, callbacks and replicas leave nothing behind", () => {
  round(500);
  const before = memory.buffer.byteLength;
  round(2000);
  const grown = memory.buffer.byteLength - before;
  assert.ok(grown <= 4 << 16, `${grown} bytes more`);
});
