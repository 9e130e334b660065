// The map loads of the well-known CRDT benchmark suite (B3.1 to B3.3), and 6,000 distinct keys, overwrites and
// increments streamed one by one, against the npm peers on the same work. `node --expose-gc bench/peers.mjs [library] [part of a load's name]`
//
// Times are the best of a few runs. A peer of which a load cannot be expressed has a dash.

import * as Automerge from "@automerge/automerge";
import { LoroDoc } from "loro-crdt";
import * as Y from "yjs";

import { LwwMap, PnCounter } from "../dist/node.js";

const N = 6000;
const CLIENTS = 1540;
const RUNS = Number(process.env.RUNS ?? 3);

/** What each library can do: a document, changes of it as bytes, and taking them in. */
const libraries = {
  "dotted-crdt": {
    make: () => {
      const map = new LwwMap();
      return { map, updates: [] };
    },
    listen: (doc, send) => void doc.map.onUpdate(send),
    set: (doc, key, value) => void doc.map.set(key, value),
    apply: (doc, update) => void doc.map.apply(update),
    encode: (doc) => doc.map.encode(),
    load: (bytes) => ({ map: new LwwMap({ state: bytes }) }),
    size: (doc) => doc.map.size,
    free: (doc) => doc.map.free(),
    counter: {
      make: () => ({ map: new PnCounter() }),
      increment: (doc) => doc.map.increment(),
      value: (doc) => doc.map.value,
    },
  },
  yjs: {
    make: () => {
      const doc = new Y.Doc();
      return { doc, map: doc.getMap("map") };
    },
    listen: ({ doc }, send) => void doc.on("update", (update, origin) => origin === "remote" || send(update)),
    set: ({ map }, key, value) => void map.set(key, value),
    apply: ({ doc }, update) => Y.applyUpdate(doc, update, "remote"),
    applyAll: ({ doc }, updates) =>
      doc.transact(() => updates.forEach((update) => Y.applyUpdate(doc, update, "remote")), "remote"),
    encode: ({ doc }) => Y.encodeStateAsUpdate(doc),
    load: (bytes) => {
      const doc = new Y.Doc();
      Y.applyUpdate(doc, bytes);
      return { doc, map: doc.getMap("map") };
    },
    size: ({ map }) => map.size,
    free: ({ doc }) => doc.destroy(),
  },
  "loro-crdt": {
    make: () => {
      const doc = new LoroDoc();
      return { doc, map: doc.getMap("map") };
    },
    listen: ({ doc }, send) => void doc.subscribeLocalUpdates(send),
    set: ({ doc, map }, key, value) => {
      map.set(key, value);
      doc.commit();
    },
    apply: ({ doc }, update) => void doc.import(update),
    applyAll: ({ doc }, updates) => void doc.importBatch(updates),
    encode: ({ doc }) => doc.export({ mode: "snapshot" }),
    load: (bytes) => {
      const doc = new LoroDoc();
      doc.import(bytes);
      return { doc, map: doc.getMap("map") };
    },
    size: ({ map }) => map.size,
    free: ({ doc }) => doc.free(),
    counter: {
      make: () => {
        const doc = new LoroDoc();
        return { doc, counter: doc.getCounter("counter") };
      },
      increment: ({ doc, counter }) => {
        counter.increment(1);
        doc.commit();
      },
      value: ({ counter }) => counter.value,
    },
  },
  automerge: {
    make: () => ({ doc: Automerge.from({ map: {}, counter: new Automerge.Counter(0) }, { actor: actor() }) }),
    fork: () => ({ doc: Automerge.clone(base(), { actor: actor() }) }),
    listen: (held, send) => void (held.send = send),
    set: (held, key, value) => {
      held.doc = Automerge.change(held.doc, (draft) => void (draft.map[key] = value));
      held.send?.(Automerge.getLastLocalChange(held.doc));
    },
    apply: (held, update) => void ([held.doc] = Automerge.applyChanges(held.doc, [update])),
    applyAll: (held, updates) => void ([held.doc] = Automerge.applyChanges(held.doc, updates)),
    encode: (held) => Automerge.save(held.doc),
    load: (bytes) => ({ doc: Automerge.load(bytes) }),
    size: (held) => Object.keys(held.doc.map).length,
    free: (held) => Automerge.free(held.doc),
    counter: {
      make: () => ({ doc: Automerge.clone(base(), { actor: actor() }) }),
      increment: (held) => {
        held.doc = Automerge.change(held.doc, (draft) => draft.counter.increment(1));
        held.send?.(Automerge.getLastLocalChange(held.doc));
      },
      value: (held) => held.doc.counter.value,
    },
  },
};

let template;
function base() {
  return (template ??= Automerge.from({ map: {}, counter: new Automerge.Counter(0) }, { actor: actor() }));
}

function actor() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function timed(work) {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
}

function best(rounds) {
  return rounds.reduce((a, b) => (b.ms < a.ms ? b : a));
}

const sum = (updates) => updates.reduce((total, update) => total + update.length, 0);

/** Many clients set one key, each without having seen the others; one takes all of it in, at once where it can. */
function manyClients(library, value) {
  const fresh = library.fork ?? library.make;
  const updates = [];
  for (let client = 0; client < CLIENTS; client++) {
    const doc = fresh();
    library.listen(doc, (update) => updates.push(update));
    library.set(doc, "v", value(client));
    library.free(doc);
  }
  const doc = fresh();
  const applyAll = library.applyAll ?? ((_, all) => all.forEach((update) => library.apply(doc, update)));
  const [ms] = timed(() => applyAll(doc, updates));
  if (updates.length !== CLIENTS || library.size(doc) !== 1) throw new Error("the load was not done");
  const bytes = library.encode(doc);
  const [load] = timed(() => library.free(library.load(bytes)));
  library.free(doc);
  return { ms, average: sum(updates) / CLIENTS, document: bytes.length, load };
}

/** One writes, one takes in: one change at a time. */
function stream(library, make, change) {
  const [from, to] = [make(), make()];
  const updates = [];
  library.listen(from, (update) => updates.push(update));
  let taken = 0;
  const [ms] = timed(() => {
    for (let step = 0; step < N; step++) {
      change(from, step);
      for (; taken < updates.length; taken++) library.apply(to, updates[taken]);
    }
  });
  const bytes = library.encode(to);
  const [load] = timed(() => library.free(library.load(bytes)));
  const result = { ms, average: sum(updates) / N, document: bytes.length, load };
  [from, to].forEach(library.free);
  return result;
}

const loads = {
  "B3.1: 1,540 clients set a number": (library) => manyClients(library, (client) => client),
  "B3.2: 1,540 clients set an object": (library) => manyClients(library, (client) => ({ name: `${client}`, address: "here" })),
  "B3.3: 1,540 clients set a text": (library) => manyClients(library, (client) => `${client}`.repeat(client)),
  "6,000 distinct keys": (library) =>
    stream(library, library.fork ?? library.make, (doc, step) => library.set(doc, `k${step}`, step)),
  "6,000 overwrites": (library) => stream(library, library.fork ?? library.make, (doc, step) => library.set(doc, "k", step)),
  "6,000 increments": (library) =>
    library.counter && stream(library, library.counter.make, (doc) => library.counter.increment(doc)),
};

const [, , only, wanted = ""] = process.argv;
for (const [name, load] of Object.entries(loads)) {
  if (!name.includes(wanted)) continue;
  console.log(`\n| ${name} | ms | average update, B | document, B | load, ms |\n|---|---|---|---|---|`);
  for (const [title, library] of Object.entries(libraries)) {
    if (only && only !== title) continue;
    const rounds = [];
    for (let round = 0; round < RUNS; round++) {
      globalThis.gc?.();
      const result = load(library);
      if (result) rounds.push(result);
    }
    if (rounds.length === 0) {
      console.log(`| ${title} | – | – | – | – |`);
      continue;
    }
    const { ms, average, document, load: loading } = best(rounds);
    console.log(`| ${title} | ${ms.toFixed(0)} | ${average.toFixed(1)} | ${document.toLocaleString("en")} | ${loading.toFixed(1)} |`);
  }
}
