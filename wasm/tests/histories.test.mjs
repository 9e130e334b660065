// The same histories in WebAssembly as in Rust: every state, view, version and delta has the same bytes.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { spawn } from "node:child_process";
import { test } from "node:test";

import { CrdtError, Store } from "../dist/node.js";

const count = process.env.DOTTED_WASM_HISTORIES ?? "10000";
const seed = process.env.DOTTED_WASM_SEED ?? "1";

const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

function decode(json) {
  if (Array.isArray(json)) return json.map(decode);
  if (typeof json !== "object" || json === null) return json;
  if ("i" in json) {
    const big = BigInt(json.i);
    return Number.isSafeInteger(Number(big)) ? Number(big) : big;
  }
  if ("f" in json) return new DataView(fromHex(json.f).buffer).getFloat64(0);
  if ("b" in json) return fromHex(json.b);
  // From entries, so that `__proto__` is a key like others.
  return Object.fromEntries(json.m.map(([key, value]) => [key, decode(value)]));
}

function hash(bytes) {
  const half = (start) => {
    let hash = start;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, "0");
  };
  return half(0x811c9dc5) + half(0x12345678);
}

function counted(change) {
  try {
    change();
    return true;
  } catch (error) {
    assert.ok(error instanceof CrdtError && error.code === "overflow", error);
    return false;
  }
}

/** What became of a write to a bounded counter, as a text. */
function outcome(change) {
  try {
    change();
    return "";
  } catch (error) {
    assert.ok(error instanceof CrdtError, error);
    return error.code === "insufficient-rights" ? `${error.code} ${error.local} ${error.elsewhere}` : error.code;
  }
}

const pay = (amount) => ({ from: "ana", to: "ben", amount: BigInt(amount) });

/** Who claims, in this history. */
let members = [];

const writes = {
  increment: (store, name, by, done) =>
    assert.equal(counted(() => store.counter(name).increment(BigInt(by))), done),
  decrement: (store, name, by, done) =>
    assert.equal(counted(() => store.counter(name).decrement(BigInt(by))), done),
  reset: (store, name) => store.counter(name).reset(),
  register: (store, name, value) => store.register(name).set(decode(value)),
  clearRegister: (store, name) => store.register(name).clear(),
  multi: (store, name, value) => store.multiRegister(name).set(decode(value)),
  clearMulti: (store, name) => store.multiRegister(name).clear(),
  enable: (store, name) => store.flag(name).enable(),
  disable: (store, name) => store.flag(name).disable(),
  add: (store, name, value) => store.set(name).add(decode(value)),
  delete: (store, name, value) => store.set(name).delete(decode(value)),
  clearSet: (store, name) => store.set(name).clear(),
  put: (store, name, key, value) => store.map(name).set(key, decode(value)),
  unput: (store, name, key) => store.map(name).delete(key),
  countUp: (store, name, by, expected) =>
    assert.equal(outcome(() => store.boundedCounter(name).increment(BigInt(by))), expected),
  countDown: (store, name, by, expected) =>
    assert.equal(outcome(() => store.boundedCounter(name).tryDecrement(BigInt(by))), expected),
  hand: (store, name, by, expected, to) => {
    if (to === undefined) assert.deepEqual(store.boundedCounter(name).holders(), []);
    else assert.equal(outcome(() => store.boundedCounter(name).transfer(to, BigInt(by))), expected);
  },
  announce: (store, name) => store.boundedCounter(name).announce(),
  members: (store, name, key, value, done) => {
    const code = outcome(() => store.record(name).setMembers(key, { city: decode(value) }));
    assert.equal(code === "", done, code);
  },
  latest: (store, _name, settled) => assert.equal(store.resolveAll("latest").length, settled),
  earliest: (store, _name, settled) => assert.equal(store.resolveAll("earliest").length, settled),
  request: (store, name, client, number, amount, recorded) => {
    const found = store.ledger(name).recordAll([[{ client, number: BigInt(number) }, pay(amount)]]);
    assert.deepEqual(found, [recorded]);
  },
  decide: (store, name, client, number, amount, done) =>
    assert.equal(store.ledger(name).resolve({ client, number: BigInt(number) }, pay(amount)), done),
  dismiss: (store, name, client, number, done) =>
    assert.equal(store.ledger(name).dismiss({ client, number: BigInt(number) }), done),
  fold: (store, name, client, amount, folded, total) => {
    store.ledger(name).recordAll(Array.from({ length: 64 }, (_, number) => [{ client, number }, pay(amount)]));
    assert.equal(store.ledger(name).fold(client), folded);
    assert.equal(String(store.ledger(name).balance("ben")), total);
  },
  claim: (store, name, resource, me, expected) =>
    assert.equal(outcome(() => store.claims(name, { me, members }).claim(resource)), expected),
  release: (store, name, resource, me, done) =>
    assert.equal(store.claims(name, { me, members }).release(resource), done),
  acknowledge: (store, name, me, done) => assert.equal(store.claims(name, { me, members }).acknowledge(), done),
  restore: (store, name, settled) => assert.equal(store.record(name).restore().length, settled),
  clearMap: (store, name) => store.map(name).clear(),
  field: (store, name, key, value) => store.record(name).set(key, decode(value)),
  unfield: (store, name, key) => store.record(name).delete(key),
  clearRecord: (store, name) => store.record(name).clear(),
  erase: (store, name) => store.record(name).erase(),
  purge: (store, name) => store.record(name).purge(),
  remove: (store, name) => store.remove(name),
  addAll: (store, name, value) => store.set(name).addAll([decode(value), 1, "milk"]),
  putAll: (store, name, _key, value) => store.map(name).setAll(["k", "l", "k"].map((key) => [key, decode(value)])),
};

function replay(steps) {
  let stores = [];
  let now = 0;
  const clock = () => now;
  for (const [what, ...rest] of steps) {
    const [a, b] = rest;
    switch (what) {
      case "ids":
        members = rest;
        stores = rest.map((replica) => new Store({ replica, now: clock }));
        break;
      case "write":
        now = b;
        writes[rest[2]](stores[a], ...rest.slice(3));
        break;
      case "send": {
        const delta = stores[a].encodeSince(stores[b].version());
        assert.equal(hash(delta), rest[2], "the delta");
        const { events, keys } = stores[b].apply(delta);
        assert.deepEqual([events, keys], rest.slice(3));
        break;
      }
      case "merge": {
        const { events, keys } = stores[b].merge(stores[a]);
        assert.deepEqual([events, keys], rest.slice(2));
        break;
      }
      case "compact":
        stores[a].compact();
        break;
      case "reload": {
        const state = stores[a].encode();
        assert.equal(hash(state), b, "the state before reloading");
        stores[a].free();
        stores[a] = new Store({ state, replica: rest[2], now: clock });
        break;
      }
      case "end": {
        const store = stores[a];
        const found = [store.encode(), store.canonical(), store.version()].map(hash);
        const sizes = [store.conflicts().length, store.names().length + store.ledger("").disputes().length];
        assert.deepEqual([...found, store.stateHash(), ...sizes], rest.slice(1));
        break;
      }
      default:
        assert.fail(what);
    }
  }
  stores.forEach((store) => store.free());
}

test(`${count} recorded histories encode to the same bytes as in Rust`, { timeout: 600_000 }, async () => {
  const root = new URL("../..", import.meta.url).pathname;
  const options = ["run", "-q", "--profile", "test", "-p", "dotted-wasm", "--example", "histories", "--", count, seed];
  const recorder = spawn("cargo", options, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const closed = new Promise((resolve) => recorder.on("close", resolve));
  let played = 0;
  for await (const line of createInterface({ input: recorder.stdout })) {
    try {
      replay(JSON.parse(line));
    } catch (error) {
      recorder.kill();
      throw new Error(`history ${Number(seed) + played}: ${error.message}`, { cause: error });
    }
    played += 1;
  }
  assert.equal(await closed, 0);
  assert.equal(played, Number(count));
});
