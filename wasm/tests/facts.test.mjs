// Ledgers and claims: what is recorded twice counts once, and what only one can have is confirmed to one.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Claims, ConflictLog, CrdtError, Ledger, Reservations, Store } from "../dist/node.js";

const client = "00000000-0000-0000-0000-00000000000a";
const id = (number) => ({ client, number });
const pay = (amount) => ({ from: "ana", to: "ben", amount });

/** Refused with this code, and nothing has changed. */
function refuses(store, call, code) {
  const before = store.encode();
  assert.throws(call, (error) => error instanceof CrdtError && error.code === code && error.message.length > 10);
  assert.deepEqual(store.encode(), before);
}

function exchange(...stores) {
  for (let round = 0; round < 2; round++) {
    for (const one of stores) for (const other of stores) one.merge(other);
  }
  for (const { version } of stores) assert.deepEqual(version.call(stores[0]), stores[0].version());
}

test("the same request in two regions is one", () => {
  const [tokyo, london] = [new Ledger(), new Ledger()];
  assert.equal(tokyo.record(id(0), pay(10_000)), true);
  assert.equal(tokyo.record(id(0), pay(10_000)), false);
  assert.equal(london.record(id(0), pay(10_000n)), true);
  exchange(tokyo, london);
  assert.deepEqual(tokyo.balances(), { ana: -10_000, ben: 10_000 });
  assert.equal(london.balance("ben"), 10_000);
  assert.equal(london.balance("toString"), 0);
  assert.deepEqual(london.get(id(0)), { state: "recorded", transfer: pay(10_000) });
  assert.equal(london.get(id(1)), undefined);
  assert.deepEqual(london.requests(), [{ id: id(0), transfer: pay(10_000) }]);
  assert.deepEqual(london.toJSON(), { ana: -10_000, ben: 10_000 });
  assert.deepEqual(london.disputes(), []);
});

test("an id that stands for something else is refused, and settled by whoever knows", () => {
  const [tokyo, london] = [new Ledger(), new Ledger()];
  tokyo.record(id(0), pay(1));
  refuses(tokyo, () => tokyo.record(id(0), pay(2)), "reused");
  assert.equal(tokyo.resolve(id(0), pay(2)), false);
  assert.deepEqual(tokyo.recordAll([[id(0), pay(1)], [id(1), pay(3)], [id(1), pay(4)]]), ["known", "new", "reused"]);
  london.record(id(0), pay(2));
  exchange(tokyo, london);
  assert.deepEqual(tokyo.balances(), { ana: -3, ben: 3 });
  const [dispute] = tokyo.disputes();
  assert.deepEqual([dispute.id, dispute.folded], [id(0), false]);
  assert.deepEqual(dispute.versions.map(({ transfer }) => transfer.amount).sort(), [1, 2]);
  assert.match(dispute.versions[0].dot, /^[0-9a-f-]{36}(\.\d+)?:\d+$/);
  assert.ok(dispute.versions[0].time > 1.7e12 && dispute.versions[0].logical === 0);
  assert.equal(tokyo.get(id(0)).state, "disputed");
  refuses(tokyo, () => tokyo.record(id(0), pay(1)), "reused");
  assert.equal(tokyo.dismiss(id(0)), false, "nothing was folded");
  assert.equal(tokyo.resolve(id(0), pay(2)), true);
  exchange(tokyo, london);
  assert.equal(london.balance("ben"), 5);
  assert.equal(london.conflicts().length, 0);
});

test("old requests are folded, and still known", () => {
  const [tokyo, london] = [new Ledger(), new Ledger()];
  const all = Array.from({ length: 130 }, (_, number) => [id(number), pay(1)]);
  assert.deepEqual(new Set(tokyo.recordAll(all)), new Set(["new"]));
  const size = tokyo.encode().length;
  assert.equal(tokyo.fold(client), 2);
  assert.equal(tokyo.fold(client), 0);
  tokyo.compact();
  assert.ok(tokyo.encode().length < size / 2);
  assert.deepEqual(tokyo.get(id(5)), { state: "folded" });
  assert.equal(tokyo.record(id(5), pay(1)), false);
  london.record(id(5), pay(9));
  exchange(tokyo, london);
  const [dispute] = london.disputes();
  assert.deepEqual([dispute.folded, dispute.versions.map(({ transfer }) => transfer).sort()], [true, [pay(9), undefined]]);
  assert.equal(london.dismiss(id(5)), true);
  assert.equal(london.balance("ben"), 130);
  assert.equal(london.requests().length, 2);
});

test("large numbers are exact, and those that make no sense have codes", () => {
  const ledger = new Ledger();
  const most = 2n ** 64n - 1n;
  ledger.record({ client, number: most }, pay(most));
  ledger.record({ client, number: 0 }, pay(most));
  assert.equal(ledger.balance("ben"), 2n * most);
  assert.equal(ledger.balance("ana"), -2n * most);
  assert.deepEqual(ledger.requests()[0], { id: { client, number: most }, transfer: pay(most) });
  for (const [call, code] of [
    [() => ledger.record(id(-1), pay(1)), "invalid-argument"],
    [() => ledger.record(id(0.5), pay(1)), "invalid-argument"],
    [() => ledger.record(id(most + 1n), pay(1)), "out-of-range"],
    [() => ledger.record(id(1), pay(most + 1n)), "out-of-range"],
    [() => ledger.record(id(1), pay(Number.NaN)), "invalid-argument"],
    [() => ledger.record(id(1), { from: "a", amount: 1 }), "invalid-argument"],
    [() => ledger.record(id(1), undefined), "invalid-argument"],
    [() => ledger.record(undefined, pay(1)), "invalid-argument"],
    [() => ledger.recordAll(null), "invalid-argument"],
    [() => ledger.recordAll([[id(1), pay(1)], null]), "invalid-argument"],
    [() => ledger.record(id(1), { from: "ana", to: "ben" }), "invalid-argument"],
    [() => ledger.record({ client: "ana", number: 1 }, pay(1)), "invalid-id"],
    [() => ledger.record(id(1), { ...pay(1), to: "\ud800" }), "invalid-text"],
    [() => ledger.fold("ana"), "invalid-id"],
  ]) {
    refuses(ledger, call, code);
  }
  ledger.free();
  assert.throws(() => ledger.balances(), { code: "freed" });
});

test("changes name requests and claims as people do", () => {
  const store = new Store();
  const seen = [];
  store.subscribe(({ changes }) => seen.push(...changes));
  const member = store.replica;
  store.batch(() => {
    store.ledger("payments").record({ client, number: 300 }, pay(1));
    store.claims("seats", { members: [member] }).claim("12Ä");
  });
  assert.deepEqual(
    seen.map(({ name, kind, key, change }) => [name, kind, key, change]),
    [
      ["payments", "ledger", { client, number: 300 }, "added"],
      ["seats", "claims", { resource: "12Ä", member }, "added"],
    ],
  );
  seen.length = 0;
  store.ledger("payments").recordAll(Array.from({ length: 64 }, (_, number) => [id(number), pay(1)]));
  seen.length = 0;
  store.ledger("payments").fold(client);
  assert.deepEqual(seen.filter(({ change }) => change === "added").map(({ key }) => key), [{ client, block: 0 }]);
  assert.deepEqual(store.names().map(({ name, kind }) => [name, kind]), [["payments", "ledger"], ["seats", "claims"]]);
  assert.deepEqual(store.toJSON(), {
    ledger: { payments: { ana: -65, ben: 65 } },
    claims: { seats: [{ resource: "12Ä", member, round: 0 }] },
  });
  assert.equal(store.remove("payments"), false);
  const snapshot = store.ledger("payments").snapshot();
  assert.equal(store.ledger("payments").snapshot(), snapshot);
  store.ledger("payments").record(id(64), pay(1));
  assert.notEqual(store.ledger("payments").snapshot(), snapshot);
  assert.equal(store.lastDot.split(":")[0], member);
});

test("what only one can have is confirmed to one, when all have answered", () => {
  const [tokyo, london, paulo] = [new Store(), new Store(), new Store()];
  const members = [tokyo, london, paulo].map(({ replica }) => replica);
  const [here, there, other] = [tokyo, london, paulo].map((store) => store.claims("seats", { members }));
  const desks = [here, there, other].map((claims) => new Reservations(claims));
  assert.deepEqual(here.seat("12A"), { state: "free" });
  desks[0].claim("12A");
  refuses(tokyo, () => here.claim("12A"), "taken");
  there.claim("12A");
  desks[1] = new Reservations(there);
  assert.deepEqual(here.seat("12A"), { state: "tentative", holder: tokyo.replica, round: 0 });
  assert.deepEqual(desks[0].step(), []);
  exchange(tokyo, london);
  assert.equal(here.seat("12A").state, "tentative", "one is away");
  exchange(tokyo, london, paulo);
  assert.deepEqual(desks[2].step(), []);
  exchange(tokyo, london, paulo);
  const seat = here.seat("12A");
  assert.equal(seat.state, "confirmed");
  for (const claims of [there, other]) assert.deepEqual(claims.seat("12A"), seat);
  assert.deepEqual(other.seats(), new Map([["12A", seat]]));
  const outcomes = desks.map((desk) => desk.step());
  const [winner, loser] = seat.holder === tokyo.replica ? [0, 1] : [1, 0];
  assert.deepEqual(outcomes[winner], [{ outcome: "confirmed", resource: "12A", round: 0 }]);
  assert.deepEqual(outcomes[loser], [{ outcome: "lost", resource: "12A", round: 0, holder: seat.holder }]);
  assert.deepEqual(desks.map((desk) => desk.step()), [[], [], []], "it is told once");
  assert.equal(other.acknowledge(), false, "all is answered");
  // Released, it can be had again, in another round.
  assert.equal(desks[winner].release("12A"), true);
  assert.equal(desks[winner].release("12A"), false);
  exchange(tokyo, london, paulo);
  assert.deepEqual(other.seat("12A"), { state: "free" });
  other.claim("12A");
  assert.deepEqual(other.seat("12A"), { state: "tentative", holder: paulo.replica, round: 1 });
  assert.deepEqual(other.standing().map(({ member, round }) => [member, round]).sort(), [
    [members[loser], 0],
    [paulo.replica, 1],
  ].sort());
});

test("a name in use twice is shown, and who is no member cannot claim", () => {
  const [one, copy] = [new Claims(), new Claims()];
  const options = { me: client, members: [client] };
  one.store.claims("", options).claim("12A");
  copy.store.claims("", options).claim("12A");
  copy.store.claims("", options).release("12A");
  one.merge(copy);
  const claims = one.store.claims("", options);
  assert.deepEqual(claims.seat("12A"), { state: "contested", member: client });
  refuses(one, () => claims.claim("12A"), "contested");
  refuses(one, () => one.store.claims("", { members: [client] }).claim("12B"), "not-member");
  assert.throws(() => one.store.claims("", { me: "ana" }), { code: "invalid-id" });
  assert.throws(() => one.store.claims("", { members: ["ana"] }), { code: "invalid-id" });
  assert.throws(() => claims.claim(12), { code: "invalid-argument" });
});

test("requests with the greatest numbers are changes like others", () => {
  const [here, there] = [new Store(), new Store()];
  const number = 2n ** 64n - 2n;
  const seen = [];
  here.subscribe(({ changes }) => seen.push(...changes.map(({ key }) => key)));
  const log = new ConflictLog(here);
  here.batch(() => {
    here.ledger("l").record({ client, number }, pay(1));
    here.map("m").set("k", 1);
  });
  there.ledger("l").record({ client, number: 2n ** 63n }, pay(1));
  there.map("m").set("k", 2);
  here.merge(there);
  assert.deepEqual(seen.slice(0, 2), [{ client, number: String(number) }, "k"]);
  assert.equal(log.size, 1);
  here.set("s").add(seen[0]);
  here.claims("c", { members: [here.replica] }).claim("\ufeff12A");
  assert.deepEqual(seen.at(-1), { resource: "\ufeff12A", member: here.replica });
});

test("nobody has a seat because the members were not named", () => {
  const [store, other] = [new Store(), new Store()];
  const members = [store.replica, other.replica];
  store.claims("seats", { members }).claim("12A");
  other.merge(store);
  const claims = other.claims("seats");
  for (const call of [() => claims.claim("12A"), () => claims.seat("12A"), () => claims.seats(), () => claims.acknowledge()]) {
    refuses(other, call, "invalid-argument");
  }
  assert.deepEqual(claims.standing(), [{ resource: "12A", member: store.replica, round: 0 }]);
  assert.equal(claims.snapshot().length, 1);
  assert.equal(claims.release("12A"), false);
  for (const options of [null, { members: 7 }, { members: null }]) {
    if (options?.members === 7) assert.throws(() => other.claims("seats", options), { code: "invalid-argument" });
    else assert.equal(other.claims("seats", options).members ?? undefined, undefined);
  }
});

test("a claim is waited for whoever is told of it, and whatever he throws", () => {
  const store = new Store();
  const desk = new Reservations(store.claims("seats", { members: [store.replica] }));
  const told = [];
  const stop = store.subscribe(() => told.push(...desk.step()));
  desk.claim("12A");
  assert.deepEqual(told, [{ outcome: "confirmed", resource: "12A", round: 0 }]);
  stop();
  store.subscribe(() => {
    throw new Error("a defect of the application");
  });
  assert.throws(() => desk.claim("12B"), /defect/);
  assert.deepEqual(desk.step(), [{ outcome: "confirmed", resource: "12B", round: 0 }]);
});
