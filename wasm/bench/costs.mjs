// What a write costs where there is much around it: CPU time, not time on the clock. `node bench/costs.mjs`
import { LwwMap, ready, Store } from "../dist/node.js";
import { Sync } from "../dist/sync.js";

await ready;

/** CPU milliseconds of what is done, also by what it sets going until `isDone`. */
async function cpu(work, isDone = () => true) {
  const before = process.cpuUsage();
  work();
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** The median of some runs. */
async function median(runs, one) {
  const all = [];
  for (let run = 0; run < runs; run++) all.push(await one(run));
  return all.sort((a, b) => a - b)[runs >> 1];
}

function show(what, found, goal) {
  console.log(`${what.padEnd(72)} ${found.toFixed(2).padStart(9)} ms   goal ${goal} ms${found > goal ? ": not reached" : ""}`);
}

/** Two ends in one process; what is sent arrives in a later task. */
function wire() {
  const ends = [0, 1].map((at) => ({
    name: `end ${at}`,
    open(listener) {
      this.listener = listener;
      listener.state("open");
    },
    send(bytes) {
      setImmediate(() => ends[1 - at].listener?.receive(bytes));
      return true;
    },
    close() {
      this.listener = undefined;
    },
  }));
  return ends;
}

async function clients(count) {
  const storeId = crypto.randomUUID();
  const quiet = { storeId, announce: 1_000_000, timing: { heartbeat: 1_000_000_000, debounce: 0 } };
  const hub = await Sync.open({ ...quiet, relay: true });
  const all = [];
  for (let at = 0; at < count; at++) {
    const [here, there] = wire();
    hub.attach(there);
    all.push(await Sync.open({ ...quiet, links: [here] }));
  }
  const isSettled = (value) => all.every(({ store }) => store.counter("c").value === value);
  all[0].store.counter("c").increment();
  while (!isSettled(1)) await new Promise((resolve) => setTimeout(resolve, 5));
  let value = 1;
  const found = await median(15, async (run) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    value += 1;
    // Asking all whether they have it is not what is measured: the last one has it last.
    return cpu(() => all[run % count].store.counter("c").increment(), () => isSettledFast(all, value));
  });
  for (const sync of [hub, ...all]) sync.close();
  return found;
}

let next = 0;
function isSettledFast(all, value) {
  while (next < all.length && all[next].store.counter("c").value === value) next += 1;
  if (next < all.length) return false;
  next = 0;
  return true;
}

show("200 clients and a hub in one process, one small write, all have it", await clients(200), 20);

async function conflicts(count) {
  const [here, there] = [await Sync.open({ storeId: crypto.randomUUID() }), new Store()];
  const entries = (side) => Array.from({ length: count }, (_, at) => [`key ${at}`, side]);
  here.store.map("m").setAll(entries("here"));
  there.map("m").setAll(entries("there"));
  here.store.merge(there);
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (here.snapshot().conflicts !== count) throw new Error("these are no conflicts");
  const end = here.subscribe(() => {});
  // With what it sets going: the status is made anew for whoever listens.
  const found = await median(51, (run) => {
    let turns = 0;
    return cpu(() => here.store.counter("c").increment(run + 1), () => turns++ === 2);
  });
  end();
  here.close();
  return found;
}

show("10,000 open conflicts, one write, and the status after it", await conflicts(10_000), 1);

async function snapshots(count) {
  const map = new LwwMap();
  map.setAll(Array.from({ length: count }, (_, at) => [`key ${at}`, at]));
  let seen;
  map.subscribe(() => (seen = map.snapshot()["key 5"]));
  map.snapshot();
  const found = await median(31, (run) => cpu(() => map.set(`key ${run * 3_000}`, -run)));
  if (seen !== 5) throw new Error("the listener has seen something else");
  return found;
}

show("100,000 keys, one change, a listener that reads the snapshot", await snapshots(100_000), 1);
