import { args } from "./core.js";
import { CrdtError, type Largest, type Room } from "./error.js";
import { readLargest, readRoom } from "./failure.js";
import { Act, Read } from "./names.js";
import { readClock } from "./changes.js";
import { checkBytes, checkOptions, formatUuid, hex, parseUuid, randomUuid } from "./ids.js";
import { putSettings, whole } from "./settings.js";
import { Store } from "./store.js";
import type { In, Out } from "./wire.js";

/** With whom a replica keeps up by itself. Whoever speaks to it is answered in any case. */
export type Topology =
  /** Every member with every other. */
  | { readonly type: "full-mesh" }
  /** With the next and the previous member in the order of their ids. */
  | { readonly type: "ring" }
  /** All with the hub. */
  | { readonly type: "star"; readonly hub: string }
  /** In each round with some members, chosen at random. */
  | { readonly type: "random"; readonly fanOut: number }
  /** With these, as far as they are members. */
  | { readonly type: "custom"; readonly peers: readonly string[] };

/** When things happen, in milliseconds. What is left out stays as it is in the Rust crate. */
export interface Timing {
  /** How long local changes are gathered before they are pushed: 20. */
  readonly debounce?: number;
  /** The pause between rounds of gossip: 1,000. */
  readonly gossip?: number;
  /** How long to wait for an answer the first time: 500. */
  readonly retry?: number;
  /** The longest wait for an answer: 30,000. */
  readonly retryMax?: number;
  /** The period of the heartbeat: 30,000. */
  readonly heartbeat?: number;
  /** Every how many heartbeats an audit goes in its place: 10. 0: never. */
  readonly auditEvery?: number;
  /** The first pause after a peer refused a delta for good: 5,000. */
  readonly backOff?: number;
  /** How long parts of a delta are kept that is not completed: 120,000. */
  readonly staging?: number;
  /** How long others' interest in confirmations is kept: 30,000. */
  readonly watch?: number;
}

/** How much of anything there may be. What is left out stays as it is in the Rust crate. */
export interface Bounds {
  /** The largest message, in bytes; at least 1,024: 1 MiB. */
  readonly messageBytes?: number;
  /** The largest delta, in bytes: 256 MiB. */
  readonly deltaBytes?: number;
  /** The most events in a delta: 2^24. */
  readonly deltaEvents?: number;
  /** The most writers in a delta: 65,536. */
  readonly deltaWriters?: number;
  /** The most names that the store may hold: 2^20. These three are those of the store (`StoreOptions.limits`) by default. */
  readonly deltaNames?: number;
  /** Members: 1,024. */
  readonly members?: number;
  /** Events that wait to be polled: 1,024. */
  readonly events?: number;
  /** Confirmations that are waited for: 1,024. */
  readonly tickets?: number;
  /** Confirmations of others that are relayed: 64. */
  readonly watches?: number;
  /** Incomplete deltas of each peer: 4. */
  readonly stagings?: number;
  /** Bytes of encoded deltas held for peers: 1 GiB. */
  readonly pinnedBytes?: number;
  /** How often to try before a silent peer is only probed: 8. */
  readonly attempts?: number;
  /** Bad messages that a peer may send at once: 16 … */
  readonly badBurst?: number;
  /** … and in a second from then on: 1. */
  readonly badPerSecond?: number;
  /** Deltas made at once because a peer asks: 64 … */
  readonly workBurst?: number;
  /** … and in a second from then on: 16. */
  readonly workPerSecond?: number;
}

/**
 * When rights of bounded counters are asked for, in milliseconds, and how much there may be of anything. What is left out
 * stays as it is in the Rust crate.
 */
export interface Rebalancing {
  /** Over which time demand is measured: 10,000. It should be many times longer than an answer takes. */
  readonly window?: number;
  /** How long an answer, and what it promises, is waited for: 2,000. */
  readonly expiry?: number;
  /** The least time from one request for rights of a counter to the next: 100. */
  readonly pause?: number;
  /** For how long a member that has nothing to give, or does not answer, is not asked again: 1,000. */
  readonly backOff?: number;
  /** For how long who has asked does not give: 1,000. */
  readonly calm?: number;
  /** For how many counters demand is measured: 1,024. */
  readonly counters?: number;
  /** How many requests of a member are heard at once: 16 … */
  readonly burst?: number;
  /** … and how many in a second from then on: 16. */
  readonly perSecond?: number;
}

/** What a replica is told when it is made. */
export interface ReplicaOptions {
  /** This replica's own name towards its transport: a UUID, kept as long as the others shall know it as the same. */
  readonly me: string;
  /** What is replicated: only replicas of the same store talk to each other. A UUID. */
  readonly storeId: string;
  /** Where jitter and random choices come from; drawn anew by default. */
  readonly seed?: number;
  /** Whether nothing may leave before `persisted()` says that it is stored. */
  readonly durable?: boolean;
  readonly topology?: Topology;
  readonly timing?: Timing;
  readonly bounds?: Bounds;
  /**
   * Whether rights of bounded counters go to where they are needed: what `tryDecrement` counts down or is refused is
   * demand; where rights run low, the member that has most is asked, and gives what it does not need. No message of
   * anyone can take a counter below zero. Members that do not rebalance are asked in vain, and do no harm.
   */
  readonly rebalance?: boolean | Rebalancing;
}

/** A message to be sent. */
export interface Transmit {
  /** To whom. */
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** Why a delta was refused for good. */
export type Refusal = "too-big" | "bad-bytes" | "forked" | "other";

/** What happened. */
export type ReplicaEvent =
  /** A delta of a peer was taken in. */
  | { readonly type: "changed"; readonly from: string; readonly events: number; readonly keys: number }
  /** As many members have the event as were asked for. */
  | { readonly type: "confirmed"; readonly ticket: number }
  /** The deadline has passed, and these members are not known to have it. They will get it in any case. */
  | { readonly type: "unreachable"; readonly ticket: number; readonly missing: readonly string[] }
  /** Loud: somebody else writes under this replica's id. Nothing is written any more until `rebase()`. */
  | {
      readonly type: "forked";
      readonly peer: string;
      readonly replica: string;
      readonly issued: number;
      readonly seen: number;
    }
  /** Loud: a peer has seen the same events and has another state. */
  | { readonly type: "diverged"; readonly peer: string; readonly version: Uint8Array }
  /** A peer refused a delta for good. It is tried again after a pause. */
  | { readonly type: "refused"; readonly peer: string; readonly why: Refusal; readonly largest?: Largest }
  /** A peer sent a delta that was refused for good here. */
  | { readonly type: "rejected"; readonly peer: string; readonly why: Refusal }
  /** A message would be longer than the peer accepts, and was not sent. */
  | { readonly type: "too-long"; readonly peer: string; readonly bytes: number }
  /** A peer lacks more than it accepts at once: nothing reaches it any more until it accepts more, or this is smaller. */
  | {
      readonly type: "too-large";
      readonly peer: string;
      readonly bytes: number;
      readonly allowed: number;
      readonly largest?: Largest;
    }
  /** A message did not reach a peer for its length: see `undelivered()`. Shorter ones, up to `reaches`, are tried. */
  | { readonly type: "undelivered"; readonly peer: string; readonly bytes: number; readonly reaches: number }
  /** Three quarters of what the limits allow are there, or more. Beyond them what others write is refused. */
  | ({ readonly type: "nearly-full" } & Room)
  /** Loud: two processes seem to be this peer, in turns. Give one of them a name of its own. */
  | { readonly type: "two-sessions"; readonly peer: string }
  /**
   * Somebody's clock is more than a day ahead, or this one's behind: until that is over its writes win over concurrent ones.
   * Who wrote, by how many milliseconds it is ahead, and where: the name in the store, and the key as the binary format has it.
   */
  | {
      readonly type: "stamp-ahead";
      readonly from: string;
      readonly replica: string;
      readonly by: number;
      readonly name?: string;
      readonly key: Uint8Array;
    }
  /** So many events were not polled in time. Confirmations are never among them. */
  | { readonly type: "events-lost"; readonly count: number }
  /** An event that this release has no form for. */
  | { readonly type: "other" };

/** How many must have an event: this replica, so many (this one included), more than half, or all voters. */
export type Level = "local" | "majority" | "all" | number;

/** What a member counts for: voters count for confirmations, observers for nothing. */
export type Role = "voter" | "observer";

/** A member of the group. */
export interface Member {
  readonly peer: string;
  /** Whether this replica keeps up with it by itself. */
  readonly isTarget: boolean;
  /** Whether it is known to have the same as this replica. */
  readonly isInSync: boolean;
  /** Whether there is a connection to it. */
  readonly isConnected: boolean;
}

const REFUSALS: readonly Refusal[] = ["too-big", "bad-bytes", "forked", "other"];

/**
 * A store as a member of a group that keeps it the same everywhere: a protocol without I/O.
 *
 * Whoever drives it hands in what arrives (`receive`) and the time (`tick`), and after each call and each write fetches
 * what is to be sent (`pollTransmit`), what happened (`pollEvent`) and when to call `tick` next (`pollTimeout`). Calls
 * that come too early, too late or twice do no harm. Times are milliseconds on a clock of the caller's choice.
 *
 * The store is read and written as before. `free()` of the store ends the replica, too.
 */
export class Replica {
  /** The store. */
  readonly store: Store;
  /** This replica's own name. */
  readonly me: string;

  /** @throws {@link CrdtError} `is-replica` if the store has one already, or what is wrong with the options. */
  constructor(store: Store, options: ReplicaOptions) {
    if (!(store instanceof Store) || checkOptions(options) === undefined) {
      throw new CrdtError("invalid-argument", "a replica has a store, and options");
    }
    const { me, storeId, topology = { type: "full-mesh" }, durable = false, rebalance = false } = options;
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 53);
    const written = id(id(args(), me), storeId).number(whole(seed)).number(durable ? 1 : 0);
    putSettings(putTopology(written, topology), settings, { ...options.timing, ...options.bounds });
    store.start(putRebalancing(written, rebalance));
    this.store = store;
    this.me = me;
  }

  /**
   * Takes in a message of `from`, for whom the transport vouches. Says whether the store changed.
   *
   * @throws {@link CrdtError} if the message is not accepted. The store is as it was; go on. That a delta does not fit
   * because something was lost is no error: it is asked for again.
   */
  receive(from: string, bytes: Uint8Array, now: number): boolean {
    this.store.outside();
    const changed = this.#act(Act.Receive, id(args(), from).bytes(checkBytes(bytes)), now).flag();
    if (changed) this.store.settle();
    return changed;
  }

  /** It is `now`: does what is due. */
  tick(now: number): void {
    if (this.#act(Act.Tick, args(), now).flag()) this.store.settle();
  }

  /** When to call `tick` next if nothing arrives before. What is past is due. */
  pollTimeout(): number | undefined {
    return this.#act(Act.Timeout).option((input) => input.number());
  }

  /**
   * The next message to be sent. Messages are made here, so nothing queues up; but what was fetched counts as sent.
   * Without a connection do not call it.
   */
  pollTransmit(): Transmit | undefined {
    this.store.outside();
    const input = this.#act(Act.Transmit);
    return input.isAtEnd ? undefined : { to: input.text(), bytes: input.rest() };
  }

  /** What happened since, oldest first. */
  pollEvent(): ReplicaEvent | undefined {
    const input = this.#act(Act.Event);
    return input.isAtEnd ? undefined : readEvent(input);
  }

  /**
   * Adds a member, or gives one another role. A voter counts for confirmations, connected or not, until it is retired; an
   * observer reads and writes like all others and counts for nothing. A new one counts as connected.
   */
  join(peer: string, role: Role = "voter"): void {
    if (role !== "voter" && role !== "observer") {
      throw new CrdtError("invalid-argument", "a role is voter or observer");
    }
    this.#act(Act.Join, id(args(), peer).number(role === "observer" ? 1 : 0));
  }

  /** There is a connection to a member, or a new one: both sides speak at once. Says whether it is a member. */
  connected(peer: string): boolean {
    return this.#act(Act.Connected, id(args(), peer)).flag();
  }

  /** There is no connection to a member any more: nothing is made for it, and it counts for confirmations as before. */
  disconnected(peer: string): boolean {
    return this.#act(Act.Disconnected, id(args(), peer)).flag();
  }

  /**
   * A message of so many bytes does not reach a member, since something on the way refuses it for its length (a WebSocket
   * closed with 1009, a proxy that answers 413). At most half as many are tried from now on, after a pause where that has
   * happened before. Says whether smaller messages can be tried.
   */
  undelivered(peer: string, bytes: number): boolean {
    return this.#act(Act.Undelivered, id(args(), peer).number(whole(bytes))).flag();
  }

  /** A member is gone for good: its messages are refused. What it wrote stays. */
  retire(peer: string): boolean {
    return this.#act(Act.Retire, id(args(), peer)).flag();
  }

  /** Changes with whom this replica keeps up. */
  setTopology(topology: Topology): void {
    this.#act(Act.Topology, putTopology(args(), topology));
  }

  /** Everything up to this version is stored, and may leave. Only for `durable` replicas. */
  persisted(version: Uint8Array): void {
    this.#act(Act.Persisted, args().bytes(checkBytes(version)));
  }

  /**
   * Asks for an event as soon as so many replicas have `dot` (of `store.lastDot`), or at the `deadline`. Returns the
   * ticket that the event names.
   */
  confirm(dot: string, level: Level, deadline: number): number {
    const levels = { local: 0, majority: 1, all: 2 };
    const number = typeof level === "number" ? whole(level) + 3 : levels[level];
    return this.#act(Act.Confirm, args().text(dot).number(number).number(whole(deadline))).number();
  }

  /** The members without this replica, connected or not. */
  members(): Member[] {
    const input = this.store.read(Read.Members, args());
    const members: Member[] = [];
    while (!input.isAtEnd) {
      const peer = input.text();
      members.push({ peer, isTarget: input.flag(), isInSync: input.flag(), isConnected: input.flag() });
    }
    return members;
  }

  /** What a peer has, as far as it was heard: a version. */
  knownOf(peer: string): Uint8Array | undefined {
    return this.store.read(Read.KnownOf, id(args(), peer)).option((input) => input.rest());
  }

  /** Whether a peer is known to have the same as this replica. */
  isInSyncWith(peer: string): boolean {
    const known = this.knownOf(peer);
    return known !== undefined && hex(known) === hex(this.store.version());
  }

  /** Carries on under a new id after `forked`. What was written and has left no one is kept under new names. */
  rebase(): void {
    this.#act(Act.Rebase, args().text(formatUuid(randomUuid())));
    this.store.settle();
  }

  /** Takes part no more. The store stays, and can take part again. */
  stop(): void {
    this.#act(Act.Stop);
  }

  #act(what: Act, written: Out = args(), now = 0): In {
    return this.store.act(what, now, written);
  }
}

/** What a version says: the number of events seen of each writer. */
export function decodeVersion(store: Store, version: Uint8Array): Record<string, number> {
  return readClock(store.read(Read.DecodedVersion, args().bytes(checkBytes(version))));
}

function id(out: Out, uuid: string): Out {
  parseUuid(uuid);
  return out.text(uuid);
}

/** In the order in which the other side reads them. */
const settings: readonly (keyof Timing | keyof Bounds)[] = [
  "debounce",
  "gossip",
  "retry",
  "retryMax",
  "heartbeat",
  "backOff",
  "staging",
  "watch",
  "auditEvery",
  "messageBytes",
  "deltaBytes",
  "deltaEvents",
  "deltaWriters",
  "deltaNames",
  "members",
  "events",
  "tickets",
  "watches",
  "stagings",
  "pinnedBytes",
  "attempts",
  "badBurst",
  "badPerSecond",
  "workBurst",
  "workPerSecond",
];

/** The same. */
const rebalancing: readonly (keyof Rebalancing)[] = [
  "window",
  "expiry",
  "pause",
  "backOff",
  "calm",
  "counters",
  "burst",
  "perSecond",
];

function putRebalancing(written: Out, rebalance: boolean | Rebalancing): Out {
  if (rebalance === false) return written.number(0);
  if (rebalance !== true && (typeof rebalance !== "object" || rebalance === null)) {
    throw new CrdtError("invalid-argument", "rebalance is true, false, or an object of settings");
  }
  const session = Math.floor(Math.random() * 2 ** 53);
  return putSettings(written.number(1).number(session), rebalancing, rebalance === true ? {} : rebalance);
}

function putTopology(out: Out, topology: Topology): Out {
  switch (topology.type) {
    case "full-mesh":
      return out.number(0);
    case "ring":
      return out.number(1);
    case "star":
      return id(out.number(2), topology.hub);
    case "random":
      return out.number(3).number(whole(topology.fanOut));
    case "custom":
      return topology.peers.reduce(id, out.number(4).number(topology.peers.length));
    default:
      throw new CrdtError("invalid-argument", "a topology of an unknown type");
  }
}

function readEvent(input: In): ReplicaEvent {
  const refusal = (): Refusal => REFUSALS[input.number()] ?? "other";
  const largest = (): { readonly largest?: Largest } => {
    const largest = input.option(readLargest);
    return largest === undefined ? {} : { largest };
  };
  switch (input.number()) {
    case 0:
      return { type: "changed", from: input.text(), events: input.number(), keys: input.number() };
    case 1:
      return { type: "confirmed", ticket: input.number() };
    case 2: {
      const ticket = input.number();
      const missing: string[] = [];
      while (!input.isAtEnd) missing.push(input.text());
      return { type: "unreachable", ticket, missing };
    }
    case 3:
      return {
        type: "forked",
        peer: input.text(),
        replica: input.text(),
        issued: input.number(),
        seen: input.number(),
      };
    case 4:
      return { type: "diverged", peer: input.text(), version: input.rest() };
    case 5:
      return { type: "refused", peer: input.text(), why: refusal(), ...largest() };
    case 6:
      return { type: "rejected", peer: input.text(), why: refusal() };
    case 7:
      return { type: "too-long", peer: input.text(), bytes: input.number() };
    case 8:
      return { type: "events-lost", count: input.number() };
    case 10:
      return {
        type: "too-large",
        peer: input.text(),
        bytes: input.number(),
        allowed: input.number(),
        ...largest(),
      };
    case 11:
      return { type: "undelivered", peer: input.text(), bytes: input.number(), reaches: input.number() };
    case 12:
      return { type: "nearly-full", ...readRoom(input) };
    case 13:
      return { type: "two-sessions", peer: input.text() };
    case 14: {
      const [from, replica, by] = [input.text(), input.text(), input.number()];
      const name = input.option((input) => input.text());
      return { type: "stamp-ahead", from, replica, by, ...(name !== undefined && { name }), key: input.rest() };
    }
    default:
      return { type: "other" };
  }
}
