// Conflicts are settled: one by one, all at once, by rules and by functions; fields that change as a unit; and who wins
// where one deletes and another changes.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CrdtError, LwwMap, Store, VersionedRecord } from "../dist/node.js";

const failsWith = (code) => (error) => {
  assert.ok(error instanceof CrdtError, error);
  assert.equal(error.code, code, error.message);
  return true;
};

function exchange(a, b) {
  a.merge(b);
  b.merge(a);
  assert.deepEqual(a.version(), b.version());
}

/** Two stores, of which the second one's clock is ahead. */
function two() {
  return [new Store({ now: () => 1000 }), new Store({ now: () => 2000 })];
}

/** Two stores with a conflict in a value of each type. */
function inConflict() {
  const [a, b] = two();
  const write = (store, value) =>
    store.batch(() => {
      store.register("register").set(value);
      store.multiRegister("multi").set(value);
      store.map("map").set("key", value);
      store.record("record").set("field", value);
    });
  write(a, 1);
  write(b, 2);
  exchange(a, b);
  assert.equal(a.conflicts().length, 4);
  return [a, b];
}

const shown = (store) => [
  store.register("register").value,
  store.multiRegister("multi").values,
  store.map("map").get("key"),
  store.record("record").get("field"),
];

test("a conflict is settled as it was listed, and not if it changed since", () => {
  const [a, b] = inConflict();
  const updates = [];
  a.onUpdate((delta) => updates.push(delta));
  const listed = a.conflicts();
  assert.deepEqual(listed.map(({ name, kind, key }) => [name, kind, key]), [
    ["map", "map", "key"], ["multi", "multi-register", undefined], ["record", "record", "field"], ["register", "register", undefined],
  ]);
  const third = new Store({ now: () => 3000 });
  third.map("map").set("key", 3);
  a.merge(third);
  const before = a.encode();
  assert.throws(() => a.resolve(listed[0], 1), failsWith("outdated"));
  assert.deepEqual(a.encode(), before);
  assert.deepEqual(a.map("map").versions("key").map(({ value }) => value).sort(), [1, 2, 3]);
  for (const conflict of a.conflicts()) assert.equal(a.resolve(conflict, { settled: [conflict.name] }), a.lastDot);
  assert.equal(updates.length, 4);
  assert.deepEqual(a.conflicts(), []);
  assert.throws(() => a.resolve(listed[1], 1), failsWith("outdated"));
  exchange(a, b);
  assert.deepEqual(shown(b), [{ settled: ["register"] }, [{ settled: ["multi"] }], { settled: ["map"] }, { settled: ["record"] }]);
});

test("what is no conflict is refused", () => {
  const [a] = inConflict();
  const before = a.encode();
  const [conflict] = a.conflicts();
  for (const bad of [undefined, null, {}, "map", { ...conflict, versions: undefined }, { ...conflict, kind: "nothing" }, { ...conflict, kind: "counter" }]) {
    assert.throws(() => a.resolve(bad, 1), failsWith("invalid-argument"));
  }
  assert.throws(() => a.resolve({ ...conflict, versions: [{ dot: "x" }] }, 1), failsWith("invalid-id"));
  assert.throws(() => a.resolve({ ...conflict, name: "else" }, 1), failsWith("outdated"));
  assert.throws(() => a.resolve(conflict, undefined), failsWith("invalid-value"));
  assert.throws(() => a.register("register").resolve(conflict, 1), failsWith("invalid-argument"));
  for (const bad of [undefined, null, "last", {}, { priority: "x" }]) assert.throws(() => a.resolveAll(bad), failsWith("invalid-argument"));
  assert.throws(() => a.resolveAll({ priority: ["x"] }), failsWith("invalid-id"));
  assert.throws(() => a.resolveAll(() => Symbol()), failsWith("invalid-value"));
  assert.throws(() => a.resolveAll(async () => 1), failsWith("invalid-value"));
  assert.deepEqual(a.encode(), before);
});

test("rules settle everything, as one group, the same on all replicas", () => {
  for (const [rule, expected] of [
    ["latest", [2, [2], 2, 2]],
    ["earliest", [1, [1], 1, 1]],
    [(a) => ({ priority: [a.replica] }), [1, [1], 1, 1]],
    [(a, b) => ({ priority: [b.replica, a.replica] }), [2, [2], 2, 2]],
    [() => (versions) => versions.map(({ value }) => value).sort(), [[1, 2], [[1, 2]], [1, 2], [1, 2]]],
  ]) {
    const [a, b] = inConflict();
    const resolver = typeof rule === "string" ? rule : rule(a, b);
    const deltas = [];
    a.onUpdate((delta) => deltas.push(delta));
    const settled = a.resolveAll(resolver);
    assert.equal(deltas.length, 1);
    // A register of all values keeps no times: "latest" and "earliest" go by the dots there.
    const order = a.replica < b.replica ? [1, 2] : [2, 1];
    if (rule === "latest") expected[1] = [order[1]];
    if (rule === "earliest") expected[1] = [order[0]];
    assert.deepEqual(shown(a), expected);
    assert.deepEqual(settled.map(({ conflict }) => conflict.name), ["map", "multi", "record", "register"]);
    for (const { conflict, by } of settled) {
      assert.equal(conflict.versions.length, 2);
      const [register, [multi], map, record] = expected;
      assert.deepEqual(by.value, { register, multi, map, record }[conflict.name]);
      assert.ok(by.dot.startsWith(a.replica));
      // Just after what it supersedes: what a person writes meanwhile wins.
      assert.equal(by.time, conflict.kind === "multi-register" ? undefined : 2000);
    }
    assert.deepEqual(a.conflicts(), []);
    exchange(a, b);
    assert.deepEqual(shown(b), expected);
    assert.deepEqual(a.resolveAll(resolver), []);
    assert.equal(deltas.length, 1);
  }
});

test("a function may leave conflicts open, look at them, use the store, and throw", () => {
  const [a] = inConflict();
  const asked = [];
  const settled = a.resolveAll((versions, conflict) => {
    asked.push(conflict.name);
    assert.deepEqual(versions, conflict.versions);
    // It is called outside of the store, which can be read and written.
    if (conflict.name === "map") a.map("map").set("key", "meanwhile");
    return conflict.name === "record" ? undefined : "settled";
  });
  assert.deepEqual(asked, ["map", "multi", "record", "register"]);
  assert.deepEqual(settled.map(({ conflict }) => conflict.name), ["multi", "register"]);
  assert.equal(a.map("map").get("key"), "meanwhile");
  assert.deepEqual(a.conflicts().map(({ name }) => name), ["record"]);
  const before = a.encode();
  assert.throws(() => a.resolveAll(() => { throw new TypeError("mine"); }), TypeError);
  assert.deepEqual(a.encode(), before);
  assert.deepEqual(a.resolveAll(() => undefined), []);
});

test("each value settles its own conflicts, and no others", () => {
  const [a] = inConflict();
  const values = [a.register("register"), a.multiRegister("multi"), a.map("map"), a.record("record")];
  values.forEach((value, at) => {
    const [conflict, ...more] = value.conflicts();
    assert.deepEqual([conflict.name, conflict.kind, more], [value.name, value.kind, []]);
    const [settled, ...others] = value.resolveAll((versions) => versions.reduce((sum, { value }) => sum + value, 0));
    assert.deepEqual([settled.conflict, settled.by.value, others], [conflict, 3, []]);
    assert.deepEqual(value.conflicts(), []);
    assert.equal(a.conflicts().length, 3 - at);
    assert.deepEqual(value.resolveAll("latest"), []);
  });
  const [b, c] = [new LwwMap(), new LwwMap()];
  b.set("x", "one").set("y", "same");
  c.set("x", "two").set("y", "same");
  b.merge(c);
  const [conflict, ...more] = b.conflicts();
  assert.deepEqual([conflict.key, more], ["x", []]);
  b.resolve(conflict, "both");
  assert.equal(b.get("x"), "both");
});

test("members of a group change as a unit", () => {
  const [a, b] = [new VersionedRecord(), new VersionedRecord()];
  a.setMembers("address", { city: "Recife", zip: "50000" });
  exchange(a, b);
  a.setMembers("address", { city: "Olinda" });
  assert.deepEqual(a.get("address"), { city: "Olinda", zip: "50000" });
  b.setMembers("address", { zip: "50100" });
  exchange(a, b);
  const address = [a.getMember("address", "city"), a.getMember("address", "zip")];
  assert.ok([["Olinda", "50000"], ["Recife", "50100"]].some(([city, zip]) => city === address[0] && zip === address[1]), address);
  const before = a.encode();
  assert.throws(() => a.setMembers("address", { city: "x" }), failsWith("in-conflict"));
  a.resolveAll("latest");
  a.setMembers("address", { city: "x" });
  a.set("name", "Ana");
  assert.notDeepEqual(a.encode(), before);
  const after = a.encode();
  assert.throws(() => a.setMembers("name", { first: "Ana" }), failsWith("not-a-group"));
  assert.throws(() => a.setMembers("address", { city: undefined }), failsWith("invalid-value"));
  assert.deepEqual(a.encode(), after);
  assert.deepEqual([a.getMember("name", "first"), a.getMember("address", "street"), a.getMember("x", "y")], [undefined, undefined, undefined]);
});

/** The phone is changed here while the record is deleted there. */
function deleted(policy) {
  const [a, b] = two();
  const [here, there] = [a, b].map((store) => store.record("ana", { deletes: policy }));
  here.setAll({ email: "ana@example.com", phone: "1" });
  exchange(a, b);
  there.clear();
  here.set("phone", "2");
  exchange(a, b);
  return [here, there, a, b];
}

test("where one deletes and another changes, the policy says who wins, and nothing is lost", () => {
  for (const [policy, expected] of [["update-wins", { email: "ana@example.com", phone: "2" }], ["delete-wins", {}], ["ask", {}]]) {
    const [here, there, a] = deleted(policy);
    for (const record of [here, there]) {
      assert.equal(record.deletes, policy);
      assert.deepEqual(record.toObject(), expected);
      assert.deepEqual(record.snapshot(), expected);
      assert.deepEqual([record.size, record.has("phone"), record.get("phone")], [Object.keys(expected).length, "phone" in expected, expected.phone]);
    }
    // It is one state that is read differently.
    assert.deepEqual(a.record("ana").snapshot(), { email: "ana@example.com", phone: "2" });
    assert.deepEqual(a.record("ana", { deletes: "delete-wins" }).snapshot(), policy === "update-wins" ? {} : a.record("ana", { deletes: "ask" }).snapshot());
    const causes = here.conflicts().map(({ key, cause }) => [key, cause]);
    assert.deepEqual(causes.filter(([key]) => key === "phone"), [["phone", "update-delete"]]);
    assert.deepEqual(there.conflicts(), here.conflicts());
  }
});

test("a record is restored or deleted for good, whatever the policy", () => {
  for (const policy of ["update-wins", "delete-wins", "ask"]) {
    const [here, there, a, b] = deleted(policy);
    const conflicts = here.conflicts();
    const settled = here.restore();
    assert.deepEqual(settled.map(({ conflict }) => conflict.key).sort(), conflicts.map(({ key }) => key).sort());
    assert.deepEqual([here.conflicts(), here.restore()], [[], []]);
    assert.equal(here.get("phone"), "2");
    exchange(a, b);
    assert.deepEqual(there.toObject(), here.toObject());

    const [again, other, c, d] = deleted(policy);
    assert.equal(again.clear(), true);
    exchange(c, d);
    assert.deepEqual([other.conflicts(), other.toObject(), c.record("ana").toObject()], [[], {}, {}]);
  }
});

test("rules decide between updates, and the policy between them and deletions", () => {
  const never = () => assert.fail("nothing is asked where a deletion decides");
  const [updated, , a] = deleted("update-wins");
  // One value against a deletion: there is nothing to ask.
  assert.ok(updated.resolveAll(never).length > 0);
  assert.deepEqual([updated.get("phone"), a.conflicts()], ["2", []]);
  const [gone] = deleted("delete-wins");
  assert.ok(gone.resolveAll(never).some(({ by }) => by.deleted));
  assert.deepEqual([gone.toObject(), gone.conflicts()], [{}, []]);
  const [asked] = deleted("ask");
  assert.deepEqual(asked.resolveAll("latest"), []);
  assert.ok(asked.conflicts().length > 0);
  const whole = asked.conflicts().find(({ key }) => key === null);
  if (whole) assert.throws(() => asked.resolve(whole, 1), failsWith("no-such-key"));
  const phone = asked.conflicts().find(({ key }) => key === "phone");
  assert.equal(asked.resolve(phone, "3"), asked.store.lastDot);
  assert.deepEqual([asked.get("phone"), asked.conflicts().filter(({ key }) => key === "phone")], ["3", []]);
  assert.throws(() => asked.store.record("x", { deletes: "never" }), failsWith("invalid-argument"));
  assert.equal(new VersionedRecord({ deletes: "ask" }).deletes, "ask");
});

test("what arrives while a function is asked stays open, and so do all versions of it", () => {
  const [a] = inConflict();
  const third = new Store({ now: () => 3000 });
  third.map("map").set("key", 3);
  const settled = a.resolveAll((versions, { name }) => {
    if (name === "register") a.merge(third);
    return versions.length;
  });
  assert.deepEqual(settled.map(({ conflict }) => conflict.name), ["multi", "record", "register"]);
  const [open, ...more] = a.conflicts();
  assert.deepEqual([open.name, open.versions.map(({ value }) => value).sort(), more], ["map", [1, 2, 3], []]);
});

test("a function decides between updates that a deletion is concurrent with", () => {
  for (const [deletes, asks] of [["update-wins", true], ["delete-wins", false], ["ask", false]]) {
    const stores = [new Store(), new Store(), new Store()];
    const records = stores.map((store) => store.record("ana", { deletes }));
    records[0].setAll({ email: "ana@example.com", phone: "1" });
    stores[1].merge(stores[0]);
    stores[2].merge(stores[0]);
    records[0].set("phone", "2");
    records[1].set("phone", "3");
    records[2].clear();
    stores[0].merge(stores[1]);
    stores[0].merge(stores[2]);
    const asked = [];
    const settled = records[0].resolveAll((versions) => {
      asked.push(versions.map(({ value }) => value).sort());
      return "both";
    });
    assert.deepEqual(asked, asks ? [["2", "3"]] : []);
    assert.equal(records[0].get("phone"), asks ? "both" : undefined);
    const phone = settled.find(({ conflict }) => conflict.key === "phone");
    assert.deepEqual(phone?.conflict.versions.length, deletes === "ask" ? undefined : 3);
    assert.equal(records[0].conflicts().length > 0, deletes === "ask");
  }
});
