import { BoundedCounterHandle } from "./bounded.js";
import { ClaimsHandle, type ClaimsOptions } from "./claims.js";
import type { Conflict } from "./conflicts.js";
import { Counter, Flag, MultiRegister, Register, SetHandle, Shown } from "./handles.js";
import { LedgerHandle } from "./ledger.js";
import { LwwMapHandle, RecordHandle, type RecordOptions } from "./keyed.js";
import { type Applied, disposable, Store, type StoreOptions, type Unsubscribe } from "./store.js";
import type { Data } from "./wire.js";

/**
 * What a value on its own can do besides: it is a store with one value, whose name is empty. Its bytes are those of
 * the store.
 */
export interface Replicated {
  /** What was seen of it: see {@link Store.version}. */
  version(): Uint8Array;
  /** The same to be looked at: see {@link Store.clock}. */
  clock(): Record<string, number>;
  /** The whole state: see {@link Store.encode}. */
  encode(): Uint8Array;
  /** What someone lacks who has seen `version`: see {@link Store.encodeSince}. */
  encodeSince(version: Uint8Array): Uint8Array;
  /** Takes in a delta or a state: see {@link Store.apply}. */
  apply(bytes: Uint8Array): Applied;
  /** Takes in all that another one has: see {@link Store.merge}. */
  merge(other: { readonly store: Store }): Applied;
  /** Calls back with what was written here: see {@link Store.onUpdate}. */
  onUpdate(callback: (delta: Uint8Array) => void): Unsubscribe;
  /** Calls back after every change: see {@link Store.subscribe}. */
  subscribe(callback: () => void): Unsubscribe;
  /** Makes several writes one: see {@link Store.batch}. */
  batch<R>(write: () => R): R;
  /** Its conflicts: see {@link Store.conflicts}. */
  conflicts(): Conflict[];
  /** Discards what is not needed any more: see {@link Store.compact}. */
  compact(): void;
  /** The UUID that it is written under. */
  readonly replica: string;
  /** Gives the memory back: see {@link Store.free}. */
  free(): void;
  /** As `free()`, for `using`. */
  [Symbol.dispose](): void;
}

const replicated: Omit<Replicated, "replica" | typeof Symbol.dispose> & ThisType<{ readonly store: Store; watch(call: () => void): Unsubscribe }> =
  {
    version() {
      return this.store.version();
    },
    clock() {
      return this.store.clock();
    },
    encode() {
      return this.store.encode();
    },
    encodeSince(version) {
      return this.store.encodeSince(version);
    },
    apply(bytes) {
      return this.store.apply(bytes);
    },
    merge(other) {
      return this.store.merge(other?.store);
    },
    onUpdate(callback) {
      return this.store.onUpdate(callback);
    },
    subscribe(callback) {
      return this.watch(callback);
    },
    batch(write) {
      return this.store.batch(write);
    },
    conflicts() {
      return this.store.conflicts();
    },
    compact() {
      this.store.compact();
    },
    free() {
      this.store.free();
    },
  };

/** Gives a class what values on their own can do. */
function alone(type: { readonly prototype: { free(): void } }): void {
  disposable(type);
  Object.defineProperties(type.prototype, Object.getOwnPropertyDescriptors(replicated));
  Object.defineProperty(type.prototype, "replica", {
    get(this: { readonly store: Store }): string {
      return this.store.replica;
    },
  });
}

/** A counter that only grows. */
export class GCounter extends Shown<number | bigint> {
  override readonly kind = "counter";
  readonly #counter: Counter;

  constructor(options?: StoreOptions) {
    super(new Store(options), "");
    this.#counter = new Counter(this.store, "");
  }

  /**
   * Adds to the count.
   *
   * @throws {@link CrdtError} `overflow` if this writer alone would have counted beyond 64 bits.
   */
  increment(by: number | bigint = 1): void {
    this.#counter.increment(by);
  }

  /**
   * The count.
   *
   * @throws {@link CrdtError} `overflow` beyond 2^53 − 1: then there is `bigValue`.
   */
  get value(): number {
    return this.#counter.value;
  }

  /** The count, however large. */
  get bigValue(): bigint {
    return this.#counter.bigValue;
  }

  protected override shown(): number | bigint {
    return this.#counter.snapshot();
  }

  override toJSON(): unknown {
    return this.#counter.toJSON();
  }
}
export interface GCounter extends Replicated {}
alone(GCounter);

/** A counter that goes up and down, and can be reset exactly. */
export class PnCounter extends Counter {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface PnCounter extends Replicated {}
alone(PnCounter);

/**
 * A counter that never goes below zero, without coordination: each replica counts down what it has rights for.
 *
 * ```ts
 * const london = new BoundedCounter(), tokyo = new BoundedCounter();
 * london.increment(100);
 * tokyo.announce();
 * london.merge(tokyo);
 * london.transfer(tokyo.replica, 50);
 * tokyo.merge(london);
 * tokyo.tryDecrement(30); // cut off or not
 * tokyo.tryDecrement(30); // throws insufficient-rights: 20 here, 50 elsewhere
 * ```
 */
export class BoundedCounter extends BoundedCounterHandle {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface BoundedCounter extends Replicated {}
alone(BoundedCounter);

/**
 * Requests of clients, each of which has exactly one effect, wherever and however often it arrives.
 *
 * ```ts
 * const tokyo = new Ledger(), london = new Ledger();
 * const request = { client: crypto.randomUUID(), number: 0 };
 * tokyo.record(request, { from: "ana", to: "ben", amount: 10_000 });
 * london.record(request, { from: "ana", to: "ben", amount: 10_000 }); // no answer from Tokyo: tried again
 * tokyo.merge(london);
 * tokyo.balance("ben"); // 10,000
 * ```
 */
export class Ledger extends LedgerHandle {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface Ledger extends Replicated {}
alone(Ledger);

/** Reservations of what only one can have: tentative until all members have answered, then one is confirmed. */
export class Claims extends ClaimsHandle {
  constructor(options?: StoreOptions & ClaimsOptions) {
    super(new Store(options), "", options);
  }
}
export interface Claims extends Replicated {}
alone(Claims);

/** One value; of concurrent writes the last is shown, and the others stay visible as a conflict. */
export class LwwRegister<T extends Data = Data> extends Register<T> {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface LwwRegister<T extends Data = Data> extends Replicated {}
alone(LwwRegister);

/** One value, or all of the concurrent ones: nothing is chosen. */
export class MvRegister<T extends Data = Data> extends MultiRegister<T> {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface MvRegister<T extends Data = Data> extends Replicated {}
alone(MvRegister);

/** A flag that is on if in doubt. */
export class EwFlag extends Flag {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface EwFlag extends Replicated {}
alone(EwFlag);

/**
 * A flag that is off if in doubt: on while some enabling survives and no disabling does. In the store it is a
 * multi-value register of booleans, which is what it is by definition.
 */
export class DwFlag extends Shown<boolean> {
  override readonly kind = "multi-register";
  readonly #events: MultiRegister<boolean>;

  constructor(options?: StoreOptions) {
    super(new Store(options), "");
    this.#events = new MultiRegister<boolean>(this.store, "");
  }

  /** Switches it on. A concurrent `disable` wins. */
  enable(): void {
    this.#events.set(true);
  }

  /** Switches it off. Also where it is off already: against concurrent enabling. */
  disable(): void {
    this.#events.set(false);
  }

  /** Whether it is on. */
  get enabled(): boolean {
    const events = this.#events.values;
    return events.length > 0 && events.every((event) => event === true);
  }

  protected override shown(): boolean {
    return this.enabled;
  }

  override toJSON(): boolean {
    return this.enabled;
  }
}
export interface DwFlag extends Replicated {}
alone(DwFlag);

/**
 * A set in which a concurrent `add` survives a `delete`.
 *
 * ```ts
 * const here = new OrSet<string>(), there = new OrSet<string>();
 * here.add("milk");
 * there.merge(here);
 * here.delete("milk");
 * there.add("milk");
 * here.merge(there);
 * here.has("milk"); // true
 * ```
 */
export class OrSet<T extends Data = Data> extends SetHandle<T> {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface OrSet<T extends Data = Data> extends Replicated {}
alone(OrSet);

/** A map; of concurrent values of a key the last is shown, and the others stay visible as a conflict. */
export class LwwMap<T extends Data = Data> extends LwwMapHandle<T> {
  constructor(options?: StoreOptions) {
    super(new Store(options), "");
  }
}
export interface LwwMap<T extends Data = Data> extends Replicated {}
alone(LwwMap);

/** A record of fields that merges by field and shows every conflict, deletions against updates, too. */
export class VersionedRecord<T extends Data = Data> extends RecordHandle<T> {
  constructor(options?: StoreOptions & RecordOptions) {
    super(new Store(options), "", options);
  }
}
export interface VersionedRecord<T extends Data = Data> extends Replicated {}
alone(VersionedRecord);
