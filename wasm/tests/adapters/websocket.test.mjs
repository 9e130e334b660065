import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "dotted-crdt";
import { MemoryStorage } from "dotted-crdt/storage";
import { Sync, WebSocketLink } from "dotted-crdt/sync";
import { WebSocket } from "ws";

import { startRelay } from "../../relay/relay.mjs";
import { isSame, open, STORE, until } from "./helpers.mjs";

const limit = { timeout: 20_000 };

/** A socket that does what the test says. */
class FakeSocket {
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  isClosed = false;
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;

  constructor(url) {
    this.url = url;
  }

  opens() {
    this.readyState = 1;
    this.onopen?.({});
  }

  dies() {
    this.readyState = 3;
    this.onerror?.({});
    this.onclose?.({});
  }

  send(bytes) {
    if (this.breaks) throw new Error("it broke");
    this.sent.push(bytes);
    this.bufferedAmount += bytes.length;
  }

  close() {
    this.isClosed = true;
    this.readyState = 3;
  }
}

/** A link over sockets that the test has in its hands. */
function link(t, options = {}) {
  const [sockets, states, received] = [[], [], []];
  const made = new WebSocketLink("ws://there", {
    connect: (url) => (sockets.push(new FakeSocket(url)), sockets.at(-1)),
    retry: 2,
    retryMax: 8,
    ...options,
  });
  made.open({ state: (state, error) => states.push(error?.code ?? state), receive: (bytes) => received.push(bytes) });
  t.after(() => made.close());
  return { link: made, sockets, states, received };
}

test("a connection that breaks is made again, and again", limit, async (t) => {
  const { link: made, sockets, states } = link(t);
  for (let round = 1; round <= 5; round++) {
    await until(() => sockets.length === round);
    if (round % 2 === 0) sockets.at(-1).opens();
    sockets.at(-1).dies();
  }
  await until(() => sockets.length === 6);
  sockets.at(-1).opens();
  assert.equal(made.send(new Uint8Array(3)), true);
  const pair = ["connecting", "connection"];
  assert.deepEqual(states, [...pair, "connecting", "open", "connection", ...pair, "connecting", "open", "connection", ...pair, "connecting", "open"]);
});

test("what a dead socket still says is not heard", limit, async (t) => {
  const { sockets, received, states } = link(t);
  const [first] = sockets;
  const { onmessage, onclose, onopen } = first;
  first.opens();
  first.dies();
  await until(() => sockets.length === 2);
  sockets[1].opens();
  const before = states.length;
  onmessage({ data: new Uint8Array(3).buffer });
  onopen({});
  onclose({});
  assert.equal(states.length, before);
  assert.equal(received.length, 0);
  sockets[1].onmessage({ data: new Uint8Array(3).buffer });
  sockets[1].onmessage({ data: "text is not ours" });
  assert.equal(received.length, 1);
});

test("a socket that is full is not filled further, and there is an end to waiting", limit, async (t) => {
  const { link: made, sockets } = link(t, { buffered: 100, queued: 1_000 });
  const [socket] = sockets;
  assert.equal(made.send(new Uint8Array(10)), false, "not open yet");
  socket.opens();
  for (let round = 0; round < 12; round++) assert.equal(made.send(new Uint8Array(100)), true, `frame ${round}`);
  assert.equal(socket.sent.length, 2);
  assert.equal(made.send(new Uint8Array(100)), false);
  socket.bufferedAmount = 0;
  await until(() => socket.sent.length === 4);
  assert.equal(made.send(new Uint8Array(100)), true);
  while (socket.sent.length < 13) {
    socket.bufferedAmount = 0;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test("a socket that throws, one that cannot be made, and one that says nothing are given up and made again", limit, async (t) => {
  const { link: made, sockets, states } = link(t, { silence: 40 });
  sockets[0].opens();
  sockets[0].breaks = true;
  made.send(new Uint8Array(3));
  assert.ok(sockets[0].isClosed);
  await until(() => sockets.length === 2);
  sockets[1].opens();
  await until(() => sockets[1].isClosed && sockets.length >= 3);
  assert.equal(states.filter((state) => state === "connection").length, 2);

  const other = link(t, {
    connect: () => {
      throw new SyntaxError("no such address");
    },
  });
  await until(() => other.states.filter((state) => state === "connection").length >= 3);
});

test("a link that is closed stays closed", limit, async (t) => {
  const { link: made, sockets } = link(t);
  sockets[0].opens();
  made.close();
  assert.ok(sockets[0].isClosed);
  assert.equal(made.send(new Uint8Array(3)), false);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(sockets.length, 1);
});

const to = (relay, options = {}) =>
  new WebSocketLink(`ws://127.0.0.1:${relay.port}/${STORE}`, { connect: (url) => new WebSocket(url), retry: 5, retryMax: 50, ...options });

test("two that never meet are the same through the relay, and see what the other shows", limit, async (t) => {
  let relay = await startRelay({ port: 0 });
  t.after(() => relay.close());
  const here = await open(t, { links: [to(relay)] });
  const there = await open(t, { links: [to(relay)] });
  here.store.set("cart").add("milk");
  there.presence.set({ name: "Ann" });
  await until(() => there.store.set("cart").has("milk") && here.presence.snapshot().length === 1);
  assert.equal(here.presence.snapshot()[0].peer, there.replica.me);
  const server = await relay.sync(STORE);
  assert.ok(server.store.set("cart").has("milk"));

  // It dies in the middle, and comes back without anything.
  const { port } = relay;
  await relay.close();
  here.store.counter("likes").increment(2);
  there.store.counter("likes").increment(3);
  await until(() => here.snapshot().links[0].error?.code === "connection" && here.presence.snapshot().length === 0);
  relay = await startRelay({ port });
  await until(() => here.store.counter("likes").value === 5 && isSame(here, there));
  await until(() => here.snapshot().state === "in-sync");
});

test("sockets that die in the middle of a large delta lose nothing", limit, async (t) => {
  const relay = await startRelay({ port: 0 });
  t.after(() => relay.close());
  const sockets = [];
  const connect = (url) => {
    const socket = new WebSocket(url);
    const [send, isDoomed] = [socket.send.bind(socket), sockets.length < 3];
    let frames = 0;
    socket.send = (bytes) => {
      frames += 1;
      if (!isDoomed || frames < 60) send(bytes);
      else socket.terminate();
    };
    sockets.push(socket);
    return socket;
  };
  // Small messages, so that the delta has many parts; and nothing is left to chance greetings.
  const here = await open(t, { links: [to(relay, { connect })], bounds: { messageBytes: 2_048 }, announce: 1_000_000 });
  here.store.set("words").addAll(Array.from({ length: 20_000 }, (_, at) => `word number ${at}`));
  await until(() => sockets.length === 4);
  const server = await relay.sync(STORE);
  await until(() => server.store.set("words").size === 20_000);
  assert.equal(server.store.stateHash(), here.store.stateHash());
});

test("the relay turns away other sites, wrong paths, too many, and what is too large", limit, async (t) => {
  const relay = await startRelay({ port: 0, stores: 1, connections: 2, frameBytes: 1_000 });
  t.after(() => relay.close());
  const url = (path = STORE) => `ws://127.0.0.1:${relay.port}/${path}`;
  const outcome = (socket) =>
    new Promise((resolve) => {
      socket.on("open", () => setTimeout(() => resolve("open"), 50));
      socket.on("close", resolve);
      socket.on("error", () => resolve("refused"));
    });
  assert.equal(await outcome(new WebSocket(url(), { origin: "https://elsewhere.example" })), "refused");
  assert.equal(await outcome(new WebSocket(url("no-uuid"))), "refused");
  const first = new WebSocket(url(), { origin: "http://localhost:8080" });
  assert.equal(await outcome(first), "open");
  assert.equal(await outcome(new WebSocket(url(STORE.replace("5a", "5b")))), 1_013);
  const second = new WebSocket(url());
  assert.equal(await outcome(second), "open");
  assert.equal(await outcome(new WebSocket(url())), 1_013);
  const closed = new Promise((resolve) => second.on("close", resolve));
  second.on("error", () => undefined);
  second.send(new Uint8Array(2_000));
  assert.equal(await closed, 1_009);
  // Garbage ends nothing, and those who speak for others are not heard.
  first.send(new Uint8Array(50).fill(7));
  first.send("text");
  assert.equal(await outcome(new WebSocket(url())), "open");
  first.terminate();
});

test("where frames are too large for the way, smaller ones arrive, and the status says why", limit, async (t) => {
  const relay = await startRelay({ port: 0, frameBytes: 4_000 });
  t.after(() => relay.close());
  const here = await open(t, { links: [to(relay)], timing: { backOff: 20 } });
  const seen = new Set();
  here.subscribe(() => {
    const { problem, links } = here.snapshot();
    if (problem?.type === "undelivered") seen.add("undelivered");
    if (links[0].error?.code === "too-large") seen.add(links[0].error.message);
  });
  await until(() => here.snapshot().state === "in-sync");
  here.store.set("words").addAll(Array.from({ length: 5_000 }, (_, at) => `word number ${at}`));
  const server = await relay.sync(STORE);
  await until(() => server.store.set("words").size === 5_000);
  assert.equal(server.store.stateHash(), here.store.stateHash());
  assert.ok(seen.has("undelivered"));
  assert.ok([...seen].some((text) => text.includes("too large")));
});

test("what is stored is loaded whatever the limits are, and what others have is not taken in beyond", limit, async (t) => {
  const storage = new MemoryStorage();
  const before = await Sync.open({ storeId: STORE, storage });
  before.store.set("s").addAll(Array.from({ length: 100 }, (_, at) => at));
  await before.stored();
  before.close();
  const after = await open(t, { storage, limits: { events: 50 } });
  assert.equal(after.store.set("s").size, 100);
  const other = new Store();
  other.set("s").add("more");
  assert.throws(() => after.store.merge(other), { code: "full" });
});

/** A storage that is opened when it is let. */
function gated(inner) {
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  return {
    let: open,
    open: async () => (await gate, inner.open()),
    append: (...given) => inner.append(...given),
    compact: (merge) => inner.compact(merge),
    close: () => inner.close(),
  };
}

test("a connection that dies while its store opens is not attached", limit, async (t) => {
  const storage = gated(new MemoryStorage());
  const relay = await startRelay({ port: 0, storage: () => storage });
  t.after(() => relay.close());
  const url = `ws://127.0.0.1:${relay.port}/${STORE}`;
  const dying = new WebSocket(url);
  await new Promise((resolve) => (dying.onopen = resolve));
  dying.terminate();
  await new Promise((resolve) => (dying.onclose = resolve));
  const living = new WebSocket(url);
  await new Promise((resolve) => (living.onopen = resolve));
  // The server has seen the first one go by the time it answers another one.
  await new Promise((resolve) => setTimeout(resolve, 50));
  storage.let();
  const server = await relay.sync(STORE);
  await until(() => server.snapshot().links.length > 0);
  assert.equal(server.snapshot().links.length, 1);
  living.close();
  await until(() => server.snapshot().links.length === 0);
});

test("the relay forgets stores that nobody uses, once they are stored, and opens them again", limit, async (t) => {
  const kept = new Map();
  const storage = (id) => kept.get(id) ?? kept.set(id, new MemoryStorage()).get(id);
  const relay = await startRelay({ port: 0, stores: 2, idle: 1_000_000, storage });
  t.after(() => relay.close());
  const id = (at) => `00000000-0000-4000-8000-00000000000${at}`;
  const visit = async (at, check) => {
    const link = new WebSocketLink(`ws://127.0.0.1:${relay.port}/${id(at)}`, { connect: (url) => new WebSocket(url), retry: 5, retryMax: 20 });
    const sync = await Sync.open({ storeId: id(at), links: [link] });
    await until(() => sync.snapshot().state === "in-sync");
    check(sync.store);
    await until(() => sync.snapshot().state === "in-sync");
    sync.close();
    sync.store.free();
  };
  // More, one after the other, than there is room for.
  for (let at = 0; at < 5; at++) await visit(at, (store) => store.counter("c").increment(at + 1));
  assert.equal(relay.stores, 2);
  for (let at = 0; at < 5; at++) await visit(at, (store) => assert.equal(store.counter("c").value, at + 1));
  const short = await startRelay({ port: 0, idle: 10 });
  t.after(() => short.close());
  const one = new WebSocket(`ws://127.0.0.1:${short.port}/${STORE}`);
  await new Promise((resolve) => (one.onopen = resolve));
  await until(() => short.stores === 1);
  one.close();
  await until(() => short.stores === 0);
});
