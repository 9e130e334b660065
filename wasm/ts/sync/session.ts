import {
  type Bounds,
  CrdtError,
  type Limits,
  type Rebalancing,
  Replica,
  type ReplicaEvent,
  Store,
  type Timing,
  type Topology,
  type Unsubscribe,
} from "../index.js";
import type { StorageAdapter } from "../storage/adapter.js";
import { ConflictCount } from "./conflict-count.js";
import type { Link } from "./link.js";
import { Presence, type PresenceOptions, reportLater } from "./presence.js";
import { Saver } from "./saver.js";
import { type PeerStatus, print, stateOf, type SyncStatus } from "./status.js";
import { now, Switchboard } from "./switchboard.js";
import { afterOthers } from "./task.js";

/** What is kept the same, how, and where. */
export interface SyncOptions {
  /** What is replicated: a UUID, the same for all who shall have the same. */
  readonly storeId: string;
  /** Ways to others; more can be attached later. */
  readonly links?: readonly Link[];
  /** Where it is kept; without, in memory only. */
  readonly storage?: StorageAdapter;
  /** With whom to keep up; by default with all who are there, passing on at once what comes from one of them. */
  readonly topology?: Topology;
  readonly timing?: Timing;
  readonly bounds?: Bounds;
  /** How much may be taken in from others, and is announced to them. What is stored is loaded whatever they are. */
  readonly limits?: Limits;
  /** Whether rights of bounded counters go to where they are needed: see `ReplicaOptions.rebalance`. */
  readonly rebalance?: boolean | Rebalancing;
  readonly presence?: PresenceOptions;
  /** How often to say that this one is here, in milliseconds: 10,000. */
  readonly announce?: number;
  /** How long others may be silent before they are taken for gone: 90,000. Hidden tabs speak once a minute. */
  readonly silence?: number;
  /** The first pause before storing is tried again: 1,000. */
  readonly storageRetry?: number;
  /**
   * Whether to begin with nothing if there is something stored of which nothing can be read; it stays where it is, and
   * `snapshot().storage` says why. By default `open` fails then: a person may want to know.
   */
  readonly acceptDamage?: boolean;
  /** Whether to pass on what others show, and frames for others. For servers. Each link is one peer then. */
  readonly relay?: boolean;
}

/**
 * Keeps a store the same as others': drives a `Replica` over links, and keeps it in storage. Nothing that fails
 * outside ends it: what is written stays in memory, and goes out and is stored when that is possible.
 *
 * ```ts
 * const sync = await Sync.open({
 *   storeId, // the same everywhere
 *   storage: new IndexedDbStorage({ name: "shop" }),
 *   links: [new BroadcastLink("shop"), new WebSocketLink("wss://example.org/shop")],
 * });
 * sync.store.set("cart").add("milk");
 * sync.subscribe(() => console.log(sync.snapshot().state));
 * ```
 */
export class Sync {
  readonly store: Store;
  /** Who else is there, and what they show. */
  readonly presence: Presence;
  readonly #options: SyncOptions;
  readonly #saver: Saver | undefined;
  readonly #board: Switchboard;
  readonly #callbacks = new Set<() => void>();
  #replica: Replica;
  readonly #conflicts: ConflictCount;
  #snapshot: SyncStatus | undefined;
  /** Whether something may have changed since the snapshot was made. */
  #isStale = true;
  #told: SyncStatus | undefined;
  #problem: CrdtError | ReplicaEvent | undefined;
  #isRefused = false;
  #isSoon = false;
  #isLater = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #beat: ReturnType<typeof setInterval>;
  readonly #ends: Unsubscribe[] = [];

  /**
   * Loads what is stored and begins. A storage that fails does not keep it from that: `snapshot().storage` tells.
   *
   * @throws {@link CrdtError} `damaged` if there is something stored, and nothing of it can be read: see `acceptDamage`.
   * Or what is wrong with the options.
   */
  static async open(options: SyncOptions): Promise<Sync> {
    const { storage, storageRetry: retry = 1_000, acceptDamage = false, limits = {} } = options;
    const saver = storage === undefined ? undefined : await Saver.open(storage, { retry, acceptDamage, limits });
    let sync: Sync | undefined;
    try {
      sync = new Sync(options, saver);
      for (const link of options.links ?? []) sync.attach(link);
      return sync;
    } catch (error) {
      (sync ?? saver)?.close();
      (sync ?? saver)?.store.free();
      throw error;
    }
  }

  private constructor(options: SyncOptions, saver: Saver | undefined) {
    this.#options = options;
    this.#saver = saver;
    this.store = saver?.store ?? new Store(options.limits && { limits: options.limits });
    this.#conflicts = new ConflictCount(this.store);
    this.#replica = this.#begin(saver?.isDurable === true);
    this.presence = new Presence(options.presence ?? {}, () => this.#guard(() => this.#board.show()));
    this.#board = new Switchboard({
      storeId: options.storeId,
      silence: options.silence ?? 90_000,
      isRelay: options.relay === true,
      presence: this.presence,
      replica: () => this.#replica,
      message: (from, bytes) => this.#message(from, bytes),
      refused: () => this.#rename(),
      changed: () => this.#soon(),
      problem: (error) => void (this.#problem = error),
      guard: (work) => this.#guard(work),
    });
    this.#ends.push(this.store.onUpdate(() => this.#changed()));
    this.store.wanted = () => this.#soon();
    this.#beat = setInterval(() => this.#announce(), options.announce ?? 10_000);
    saver?.start({ saved: (version) => this.#stored(version), changed: () => this.#soon() });
    if (typeof addEventListener === "function" && typeof document === "object") this.#watchPage();
  }

  /** The replica that is driven: for confirmations and the like. */
  get replica(): Replica {
    return this.#replica;
  }

  /** How things are. The same object until something changes. */
  snapshot(): SyncStatus {
    if (this.#snapshot === undefined || this.#isSoon || this.#isStale) {
      const after = this.#status();
      if (this.#snapshot === undefined || print(this.#snapshot) !== print(after)) this.#snapshot = after;
      this.#isStale = false;
    }
    return this.#snapshot;
  }

  /** Calls back when `snapshot` is another one. */
  subscribe(callback: () => void): Unsubscribe {
    const entry = (): void => callback();
    // What is there by now is known.
    if (this.#callbacks.size === 0) this.#told = this.snapshot();
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  /** How many bytes went over all links. */
  get traffic(): { readonly sent: number; readonly received: number } {
    return { sent: this.#board.sent, received: this.#board.received };
  }

  /** Adds a way to others. The returned function takes it away again. */
  attach(link: Link): Unsubscribe {
    if (![link?.open, link?.send, link?.close].every((part) => typeof part === "function")) {
      throw new CrdtError("invalid-argument", "a link has `open`, `send` and `close`");
    }
    return this.#board.attach(link);
  }

  /**
   * Resolves once all that the store has now is stored; at once without storage. While storing fails it waits.
   *
   * @throws {@link CrdtError} `storage` if it was closed before that.
   */
  async stored(): Promise<void> {
    await this.#saver?.flush();
  }

  /** Says good-bye and ends; what is not stored then is not stored. The store stays as it is, and is not freed. */
  close(): void {
    if (this.#isClosed) return;
    this.#board.sayBye();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    for (const end of this.#ends) end();
    this.#board.close();
    this.#saver?.close();
    this.#callbacks.clear();
    this.#conflicts.stop();
    this.store.wanted = undefined;
    if (!this.store.isFreed) this.#replica.stop();
  }

  /** As `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #begin(durable: boolean): Replica {
    const { storeId, timing, bounds, topology, rebalance = false } = this.#options;
    const me = crypto.randomUUID();
    return new Replica(this.store, {
      me,
      storeId,
      durable,
      rebalance,
      // On the hub this is everybody, and what comes from one goes on to the others at once.
      topology: topology ?? { type: "star", hub: me },
      ...(timing && { timing }),
      ...(bounds && { bounds }),
    });
  }

  #watchPage(): void {
    const hide = (): void => this.#board.sayBye();
    // It was only put aside, and comes back as it was.
    const show = (): void => this.#guard(() => this.#board.greetAll(true));
    const online = (): void => this.#saver?.hurry();
    for (const [name, listener] of [["pagehide", hide], ["pageshow", show], ["online", online]] as const) {
      addEventListener(name, listener);
      this.#ends.push(() => removeEventListener(name, listener));
    }
  }

  #message(from: string, bytes: Uint8Array): void {
    try {
      this.#replica.receive(from, bytes, now());
    } catch (error) {
      // Not accepted, and nothing has changed; the replica has taken its measures.
      if (!(error instanceof CrdtError)) throw error;
      this.#problem = error;
    }
    this.#saver?.save();
    this.#soonAfterOthers();
  }

  /** Takes part under another name. A replica begins with what is durable: all of it must be. */
  #rename(): void {
    this.#isRefused = this.#saver?.isDurable === true && this.#saver.isBehind;
    if (this.#isRefused) return;
    this.#board.sayBye();
    this.#board.forget();
    this.#replica.stop();
    this.#replica = this.#begin(this.#saver?.isDurable === true);
    this.#board.greetAll(true);
    this.#soon();
  }

  #announce(): void {
    this.#guard(() => {
      this.presence.expire(now());
      this.#board.announce(now());
    });
  }

  #changed(): void {
    this.#saver?.save();
    this.#soon();
  }

  #stored(version: Uint8Array): void {
    this.#guard(() => {
      this.#replica.persisted(version);
      if (this.#isRefused) this.#rename();
      this.#soon();
    });
  }

  /** Writes come in batches, and reads between them: all of that first. */
  #soon(): void {
    if (this.#isSoon || this.#isClosed) return;
    this.#isSoon = true;
    queueMicrotask(() => {
      this.#isSoon = false;
      this.#guard(() => this.#drive());
    });
  }

  /** Messages come in crowds, and what is due costs O(peers): those that wait already come first. */
  #soonAfterOthers(): void {
    if (this.#isLater) return;
    this.#isLater = this.#isStale = true;
    afterOthers(() => {
      this.#isLater = false;
      this.#soon();
    });
  }

  #drive(): void {
    const replica = this.#replica;
    // Nobody goes on with this writer after a restart: nothing needs to wait for the storage.
    if (this.#saver?.isDurable === false) replica.persisted(this.store.version());
    replica.tick(now());
    for (let message = replica.pollTransmit(); message !== undefined; message = replica.pollTransmit()) {
      this.#board.message(message.to, message.bytes);
    }
    for (let event = replica.pollEvent(); event !== undefined; event = replica.pollEvent()) this.#happened(event);
    clearTimeout(this.#timer);
    const next = replica.pollTimeout();
    // Longer waits than timers can do end early, which does no harm.
    if (next !== undefined) this.#timer = setTimeout(() => this.#soon(), Math.min(Math.max(next - now(), 1), 2 ** 30));
    this.#tell();
  }

  #happened(event: ReplicaEvent): void {
    if (event.type === "changed" || event.type === "confirmed" || event.type === "unreachable") return;
    this.#problem = event;
    if (event.type !== "forked") return;
    // A copy of this profile writes, too. What was written here goes on under a new id.
    const { replica } = this.store;
    this.#replica.rebase();
    this.#saver?.replace(replica);
    this.#soon();
  }

  #tell(): void {
    this.#isStale = true;
    // Nobody asks: it is made for the next one who does.
    if (this.#callbacks.size === 0) return;
    const status = this.snapshot();
    if (this.#told === status) return;
    this.#told = status;
    for (const callback of this.#callbacks) {
      try {
        callback();
      } catch (error) {
        reportLater(error);
      }
    }
  }

  #status(): SyncStatus {
    const synced = new Map(this.#replica.members().map(({ peer, isInSync }) => [peer, isInSync]));
    const links = this.#board.links();
    const peers: PeerStatus[] = this.#board
      .peers()
      .map(({ peer, link }) => ({ peer, link, isInSync: synced.get(peer) === true }))
      .sort((a, b) => (a.peer < b.peer ? -1 : 1));
    const { error, state = "none" } = this.#saver ?? {};
    const isBehind = state === "saved" && this.#saver?.isBehind === true;
    return {
      state: stateOf(links, peers),
      links,
      peers,
      conflicts: this.#conflicts.value,
      storage: { state: isBehind ? "saving" : state, ...(error && { error }) },
      ...(this.#problem && { problem: this.#problem }),
    };
  }

  /** Nothing that comes from outside ends it; a store that was freed does. */
  #guard(work: () => void): void {
    if (this.#isClosed) return;
    if (this.store.isFreed) return this.close();
    try {
      work();
    } catch (error) {
      if (error instanceof CrdtError) this.#problem = error;
      else reportLater(error);
    }
  }
}
