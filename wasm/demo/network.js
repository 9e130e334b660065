// Regions with a replica each, and a network between them that is slow enough to watch and can be cut.
import { Replica, Store } from "./dotted/web.js";

const STORE = "6f2d1c54-8f7c-4d0a-9a3e-1b7f0c2a9d10";

/** The messages take this long for the whole width of the map, at speed 1. */
const CROSSING = 2_600;

export class Network extends EventTarget {
  #regions = [];
  #active = new Set();
  #cut = new Set();
  #flying = new Set();
  #type = "ring";
  speed = 1;

  /** Each region has a `key`, a `name` and the place `x`, `y`. The order of the regions is their order on the ring. */
  constructor(regions) {
    super();
    this.#regions = regions.map((region, order) => {
      const store = new Store();
      const me = `00000000-0000-4000-8000-${String(order + 1).padStart(12, "0")}`;
      const replica = new Replica(store, {
        me,
        storeId: STORE,
        timing: { debounce: 60, gossip: 1_500, retry: 9_000, retryMax: 20_000, heartbeat: 20_000 },
      });
      const node = { ...region, store, me, replica, sent: 0, messages: 0 };
      store.subscribe(() => this.dispatchEvent(new Event("change")));
      store.onUpdate(() => queueMicrotask(() => this.drive()));
      return node;
    });
    this.hub = this.#regions[1];
  }

  /** Those that take part. */
  get regions() {
    return this.#regions.filter((region) => this.#active.has(region));
  }

  get type() {
    return this.#type;
  }

  get flying() {
    return this.#flying;
  }

  /** Sets who takes part, by the number of regions from the first on. */
  setRegions(count) {
    const active = this.#regions.slice(0, count);
    this.#flying.clear();
    for (const region of this.#regions) {
      for (const other of this.#regions) {
        if (other === region) continue;
        region.replica.join(other.me);
        if (active.includes(other) && active.includes(region)) region.replica.connected(other.me);
        else region.replica.disconnected(other.me);
      }
    }
    this.#active = new Set(active);
    this.setType(this.#type);
  }

  /** `ring`, `star` or `mesh`. */
  setType(type) {
    this.#type = type;
    const topology = { ring: { type: "ring" }, star: { type: "star", hub: this.hub.me }, mesh: { type: "full-mesh" } }[type];
    for (const { replica } of this.#regions) replica.setTopology(topology);
    this.drive();
    this.dispatchEvent(new Event("links"));
  }

  /** The links that the topology uses, each once. */
  links() {
    const links = [];
    const { regions } = this;
    regions.forEach((a, at) => {
      const targets = new Set(a.replica.members().filter(({ isTarget }) => isTarget).map(({ peer }) => peer));
      for (const b of regions.slice(at + 1)) if (targets.has(b.me) || this.#targets(b, a)) links.push({ a, b, key: keyOf(a, b), isCut: this.isCut(a, b) });
    });
    return links;
  }

  #targets(from, to) {
    return from.replica.members().some(({ peer, isTarget }) => isTarget && peer === to.me);
  }

  isCut(a, b) {
    return this.#cut.has(keyOf(a, b));
  }

  /** Cuts a link, and what is on it is lost; or heals it, and both ends ask each other at once. */
  setCut(a, b, isCut) {
    if (this.isCut(a, b) === isCut) return;
    const key = keyOf(a, b);
    if (isCut) {
      this.#cut.add(key);
      for (const message of this.#flying) if (message.key === key) this.#lose(message);
    } else {
      this.#cut.delete(key);
      for (const [one, other] of [[a, b], [b, a]]) {
        one.replica.connected(other.me);
      }
    }
    this.drive();
    this.dispatchEvent(new Event("links"));
  }

  /** Lets every replica do what is due, and puts what it sends on its way. */
  drive(now = performance.now()) {
    for (const region of this.regions) {
      const { replica } = region;
      replica.tick(Math.floor(now));
      for (let sent = replica.pollTransmit(); sent !== undefined; sent = replica.pollTransmit()) this.#send(region, sent, now);
      while (replica.pollEvent() !== undefined);
    }
  }

  #send(from, { to: peer, bytes }, now) {
    const to = this.#regions.find(({ me }) => me === peer);
    from.sent += bytes.length;
    from.messages += 1;
    const message = { from, to, bytes, key: keyOf(from, to), start: now, isLost: false, progress: 0 };
    this.#flying.add(message);
    this.dispatchEvent(new CustomEvent("sent", { detail: message }));
    if (this.isCut(from, to)) this.#lose(message);
  }

  #lose(message) {
    message.isLost = true;
  }

  /** Moves the messages on, and delivers those that have arrived. */
  move(now, elapsed) {
    for (const message of this.#flying) {
      const distance = Math.hypot(message.from.x - message.to.x, message.from.y - message.to.y);
      message.progress += (elapsed * this.speed) / (CROSSING * (distance / 1_000));
      // What was lost breaks off halfway.
      if (message.isLost && message.progress >= 0.5) this.#flying.delete(message);
      else if (message.progress >= 1) this.#arrive(message, now);
    }
    this.drive(now);
  }

  #arrive(message, now) {
    this.#flying.delete(message);
    const { from, to, bytes } = message;
    if (!this.#active.has(to)) return;
    to.replica.receive(from.me, bytes, Math.floor(now));
  }

  /** How many events each region lacks of what is known anywhere. */
  missing() {
    const clocks = this.regions.map(({ store }) => store.clock());
    const all = {};
    for (const clock of clocks) for (const [writer, count] of Object.entries(clock)) all[writer] = Math.max(all[writer] ?? 0, count);
    return clocks.map((clock) => Object.entries(all).reduce((sum, [writer, count]) => sum + count - (clock[writer] ?? 0), 0));
  }
}

function keyOf(a, b) {
  return [a.key, b.key].sort().join(" ");
}
