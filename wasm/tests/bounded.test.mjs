// Bounded counters: nobody sells what he has no rights for, and what is refused leaves everything as it was.
import assert from "node:assert/strict";
import { test } from "node:test";

import { BoundedCounter, CrdtError, InsufficientRightsError, Store } from "../dist/node.js";

/** Refused with this code, and nothing has changed. */
function refuses(value, call, code, rights = {}) {
  const before = [value.encode(), value.stateHash?.() ?? value.store.stateHash()];
  assert.throws(call, (error) => {
    assert.ok(error instanceof CrdtError && error.message.length > 10, error);
    assert.equal(error.code, code, error.message);
    assert.equal(error instanceof InsufficientRightsError, code === "insufficient-rights");
    for (const [field, count] of Object.entries(rights)) assert.equal(error[field], count, field);
    return true;
  });
  assert.deepEqual([value.encode(), value.stateHash?.() ?? value.store.stateHash()], before);
}

function exchange(a, b) {
  a.merge(b);
  b.merge(a);
  assert.deepEqual(a.version(), b.version());
}

test("two stores that are cut off sell no more than there is", () => {
  const [london, tokyo] = [new Store(), new Store()];
  const [here, there] = [london.boundedCounter("stock"), tokyo.boundedCounter("stock")];
  here.increment(100);
  assert.equal(there.announce(), true);
  assert.equal(there.announce(), false);
  exchange(london, tokyo);
  here.transfer(tokyo.replica, 50);
  assert.equal(there.rights, 0);
  exchange(london, tokyo);
  assert.deepEqual([here.rights, there.rights, here.rightsOf(tokyo.replica)], [50, 50, 50]);

  refuses(london, () => here.tryDecrement(80), "insufficient-rights", { local: 50, elsewhere: 50 });
  refuses(tokyo, () => there.tryDecrement(80), "insufficient-rights", { local: 50, elsewhere: 50 });
  here.tryDecrement(30);
  there.tryDecrement(20n);
  refuses(london, () => here.tryDecrement(21), "insufficient-rights", { local: 20, elsewhere: 50 });
  refuses(london, () => here.transfer(tokyo.replica, 21), "insufficient-rights", { local: 20, elsewhere: 50 });
  exchange(london, tokyo);

  assert.deepEqual([here.value, there.value, here.bigValue], [50, 50, 50n]);
  const holders = [{ replica: london.replica, rights: 20 }, { replica: tokyo.replica, rights: 30 }];
  assert.deepEqual(here.holders(), holders.sort((a, b) => (a.replica < b.replica ? -1 : 1)));
  assert.deepEqual(there.holders(), here.holders());
  here.tryDecrement(20);
  refuses(london, () => here.tryDecrement(), "insufficient-rights", { local: 0, elsewhere: 30 });
});

test("amounts and replicas that make no sense have codes", () => {
  const store = new Store();
  const stock = store.boundedCounter("stock");
  const other = new Store();
  stock.increment(10);
  for (const call of [(by) => stock.increment(by), (by) => stock.tryDecrement(by), (by) => stock.transfer(other.replica, by)]) {
    refuses(store, () => call(0), "zero-amount");
    for (const by of [-1, 0.5, NaN, "1", null, -1n]) refuses(store, () => call(by), "invalid-argument");
    refuses(store, () => call(2n ** 64n), "out-of-range");
  }
  refuses(store, () => stock.transfer(store.replica, 1), "to-oneself");
  refuses(store, () => stock.transfer(other.replica, 1), "unknown-replica");
  for (const id of ["", "x", "00000000-0000-0000-0000-00000000000A", undefined, 5]) {
    refuses(store, () => stock.transfer(id, 1), "invalid-id");
    refuses(store, () => stock.rightsOf(id), "invalid-id");
  }
  refuses(store, () => stock.increment(2n ** 64n - 10n), "overflow");
  assert.equal(stock.rightsOf(other.replica), 0);
  assert.equal(stock.value, 10);
});

test("rights beyond the safe integers are there as bigint", () => {
  const counter = new BoundedCounter();
  counter.increment(2n ** 64n - 1n);
  assert.throws(() => counter.value, { code: "overflow" });
  assert.deepEqual([counter.bigValue, counter.rights], [2n ** 64n - 1n, 2n ** 64n - 1n]);
  assert.deepEqual(counter.toJSON(), { $integer: "18446744073709551615" });
  const other = new BoundedCounter();
  other.merge(counter);
  refuses(other, () => other.tryDecrement(5), "insufficient-rights", { local: 0, elsewhere: 2n ** 64n - 1n });
  counter.tryDecrement(2n ** 64n - 2n);
  assert.equal(counter.value, 1);
});

test("it cannot be removed by name, and is listed, watched and kept like others", () => {
  const store = new Store();
  const stock = store.boundedCounter("stock");
  store.register("stock").set("shelf 3");
  let calls = 0;
  const batches = [];
  stock.watch(() => void calls++);
  store.subscribe((batch) => batches.push(batch));
  stock.increment(3);
  assert.equal(stock.snapshot(), 3);
  stock.tryDecrement();
  assert.deepEqual([stock.snapshot(), calls], [2, 2]);
  assert.deepEqual(batches[1].changes.map(({ name, kind, key }) => [name, kind, key]), [["stock", "bounded-counter", undefined]]);
  assert.deepEqual(store.names(), [{ name: "stock", kind: "register" }, { name: "stock", kind: "bounded-counter" }]);
  assert.equal(store.remove("stock"), true);
  assert.equal(stock.remove(), false);
  assert.deepEqual(store.toJSON(), { "bounded-counter": { stock: 2 } });
  assert.equal(stock.rights, 2);
});

test("a new writer has no rights, and a resumed one has its own", () => {
  const store = new Store();
  store.boundedCounter("seats").increment(2);
  const [state, writer] = [store.encode(), store.writerRecord()];
  store.free();
  const fresh = new Store({ state });
  refuses(fresh, () => fresh.boundedCounter("seats").tryDecrement(), "insufficient-rights", { local: 0, elsewhere: 2 });
  const resumed = new Store({ state, writer });
  resumed.boundedCounter("seats").tryDecrement(2);
  assert.equal(resumed.boundedCounter("seats").value, 0);
});
