import { BoundedCounterHandle } from "./bounded.js";
import { ClaimsHandle, type ClaimsOptions } from "./claims.js";
import { type Change, type ChangeBatch, joined, kindOf, readBatch, readClock, type ValueKind } from "./changes.js";
import {
  checkPlace,
  type Conflict,
  type ConflictPlace,
  decide,
  kindNumber,
  putConflict,
  readConflict,
  readSettled,
  type Resolver,
  type Settled,
} from "./conflicts.js";
import { answer, args, guarded } from "./core.js";
import { type Document, open } from "./document.js";
import { Counter, Flag, Handle, MultiRegister, Register, SetHandle } from "./handles.js";
import { LwwMapHandle, RecordHandle, type RecordOptions } from "./keyed.js";
import { LedgerHandle } from "./ledger.js";
import { checkBytes, checkCallback, checkOptions, hex, parseUuid, randomUuid } from "./ids.js";
import { Act, Ask, Group, Read, Settle, Write } from "./names.js";
import { putSettings } from "./settings.js";
import { CrdtError } from "./error.js";
import { type Data, define, type In, type Out } from "./wire.js";

/** How much was taken in. */
export interface Applied {
  /** Whether anything was new. What was not new need not be passed on. */
  readonly changed: boolean;
  /** How many events became known. */
  readonly events: number;
  /** How many keys look different. */
  readonly keys: number;
}

/** How much may be taken in from others. What is left out stays as it is in the Rust crate. Whole numbers. */
export interface Limits {
  /** The length of a state or delta that arrives, in bytes: 256 MiB. */
  readonly bytes?: number;
  /** The writers that the store may name: 65,536. */
  readonly writers?: number;
  /** The events that it may hold, removals that are not forgotten yet included: 2^24. */
  readonly events?: number;
  /** The names that it may hold: 2^20. */
  readonly names?: number;
}

/** How a store begins. */
export interface StoreOptions {
  /** A state to begin with, as `encode()` gives it. */
  readonly state?: Uint8Array;
  /**
   * The UUID to write under. It must be random and never have been used before: one that comes back loses data. For
   * tests; by default a new one is drawn, which is always right.
   */
  readonly replica?: string;
  /**
   * Goes on with a writer, of `writerRecord()`. Only right if the record is stored in one piece with `state`, nothing
   * leaves before it is stored, and one process at a time uses it. Not together with `replica`.
   */
  readonly writer?: Uint8Array;
  /**
   * How much may be taken in from others, `state` included: what goes beyond is refused (`too-large`, `full`), and the store
   * is as it was. A replica takes them over, and announces them to its group, whose members write no more than all accept.
   */
  readonly limits?: Limits;
  /** Milliseconds since 1970; `Date.now` by default. Asked for each write, and for each call of a replica. */
  readonly now?: () => number;
}

/** In the order in which the other side reads them. */
const LIMITS: readonly (keyof Limits)[] = ["bytes", "writers", "events", "names"];

/** Of a snapshot with more changes than that another one is made anew. */
const CHANGES_MAX = 4_096;

/** Ends a subscription. More than once does nothing. */
export type Unsubscribe = () => void;

/** Frees what nobody holds any more, some time: `free()` is surer. */
const registry = new FinalizationRegistry<Document>((document) => document.free());

/**
 * Many named values of several types under one version vector.
 *
 * It is replicated as one: `version()` says all that was seen of it, and a delta holds what changed, under however
 * many names. A name with two types is two values. Reading and writing cost the same for any number of names.
 *
 * ```ts
 * const here = new Store(), there = new Store();
 * here.onUpdate((delta) => there.apply(delta));
 * here.batch(() => {
 *   here.set("cart").add("milk");
 *   here.counter("likes").increment(2);
 * });
 * there.set("cart").has("milk"); // true
 * ```
 *
 * Everything lives in the memory of WebAssembly: call `free()` (or use `using`) when it is not needed any more.
 */
export class Store {
  #document: Document | undefined;
  readonly #now: () => number;
  readonly #updates = new Set<(delta: Uint8Array) => void>();
  readonly #subscribers = new Set<(batch: ChangeBatch) => void>();
  readonly #observers = new Set<(batch: ChangeBatch) => void>();
  /** Told when something is wanted that was refused: whoever drives a replica shall see to it. @internal */
  wanted: (() => void) | undefined;
  readonly #queue: (() => void)[] = [];
  /** By kind and name, and by the policy that the value is read by. */
  readonly #snapshots = new Map<string, Map<number, unknown>>();
  /** Of maps: what they have shown before, and the keys that have changed since. */
  readonly #before = new Map<string, { readonly shown: unknown; readonly keys: Set<string> }>();
  #batches: ChangeBatch[] = [];
  #depth = 0;
  #flushing = false;
  #watching = false;

  constructor(options?: StoreOptions) {
    const { state, replica, writer, limits, now = Date.now } = checkOptions(options) ?? {};
    if (writer !== undefined && replica !== undefined) {
      throw new CrdtError("invalid-argument", "either a writer or a replica");
    }
    checkCallback(now);
    const document = open(replica === undefined ? randomUuid() : parseUuid(replica));
    try {
      guarded(() => {
        if (limits !== undefined) document.limit(putSettings(args(), LIMITS, limits).finish());
        if (writer !== undefined) document.resume(checkBytes(writer));
        if (state !== undefined) document.begin(checkBytes(state));
      });
    } catch (error) {
      document.free();
      throw error;
    }
    this.#now = now;
    this.#document = document;
    registry.register(this, document, this);
  }

  /** The counter with this name. */
  counter(name: string): Counter {
    return new Counter(this, name);
  }

  /** The counter with this name that never goes below zero. */
  boundedCounter(name: string): BoundedCounterHandle {
    return new BoundedCounterHandle(this, name);
  }

  /** The ledger with this name: requests of clients, each of which counts once. */
  ledger(name: string): LedgerHandle {
    return new LedgerHandle(this, name);
  }

  /** The claims with this name, on what only one can have. */
  claims(name: string, options?: ClaimsOptions): ClaimsHandle {
    return new ClaimsHandle(this, name, options);
  }

  /** The register with this name: of concurrent values the last is shown. */
  register<T extends Data = Data>(name: string): Register<T> {
    return new Register<T>(this, name);
  }

  /** The register with this name that shows all concurrent values. */
  multiRegister<T extends Data = Data>(name: string): MultiRegister<T> {
    return new MultiRegister<T>(this, name);
  }

  /** The flag with this name: enabling wins over concurrent disabling. */
  flag(name: string): Flag {
    return new Flag(this, name);
  }

  /** The set with this name: adding wins over concurrent deleting. */
  set<T extends Data = Data>(name: string): SetHandle<T> {
    return new SetHandle<T>(this, name);
  }

  /** The map with this name: of concurrent values of a key the last is shown. */
  map<T extends Data = Data>(name: string): LwwMapHandle<T> {
    return new LwwMapHandle<T>(this, name);
  }

  /** The record with this name: deletions are changes like others, and conflict with updates. */
  record<T extends Data = Data>(name: string, options?: RecordOptions): RecordHandle<T> {
    return new RecordHandle<T>(this, name, options);
  }

  /**
   * Removes the values with this name, but for bounded counters, ledgers and claims: rights, requests and answers that
   * others have cannot be taken back. What others write to them meanwhile survives.
   */
  remove(name: string): boolean {
    return new Handle(this, name).remove();
  }

  /** The values that show something and whose names begin with `prefix`, in the order of their names. */
  names(prefix = ""): { readonly name: string; readonly kind: ValueKind }[] {
    const found = this.read(Read.Names, args().text(prefix));
    const names = [];
    while (!found.isAtEnd) {
      const kind = kindOf(found.number());
      names.push({ name: found.text(), kind });
    }
    return names;
  }

  /** All conflicts in registers, maps and records, in the order of the names. Costs O(conflicts). */
  conflicts(): Conflict[] {
    const found = this.read(Read.Conflicts, args());
    const conflicts: Conflict[] = [];
    while (!found.isAtEnd) conflicts.push(readConflict(found));
    return conflicts;
  }

  /** The conflict about a key, if there is one. Costs O(concurrent writes of the key). */
  conflict(place: ConflictPlace): Conflict | undefined {
    const { name, kind, key } = checkPlace(place);
    const written = args().text(name).number(kindNumber(kind));
    const found = this.read(Read.Conflict, key === undefined ? written.number(0) : written.number(1).value(key));
    return found.isAtEnd ? undefined : readConflict(found);
  }

  /**
   * Settles a conflict as it was listed: supersedes all of its versions. Returns the event, `writer:counter`.
   *
   * @throws {@link CrdtError} `outdated` if there are other versions by now, which nobody has looked at: list it again.
   * `no-such-key` for a record as a whole: `restore()` keeps it and `clear()` deletes it. Nothing has changed then.
   */
  resolve(conflict: Conflict, value: Data): string {
    return this.settleOne(conflict, value, 0);
  }

  /**
   * Settles all conflicts in all values, as one group, in the order of the names; where a deletion of a record is
   * concurrent with an update, the update wins. What the resolver leaves open stays open. What is written is stamped
   * just after what it supersedes, so that what a person writes meanwhile wins. Returns what was settled.
   */
  resolveAll(resolver: Resolver): Settled[] {
    const decided = decide(resolver, 0, () => this.conflicts());
    return this.settleBy(Settle.All, decided(args()));
  }

  /** The whole content, for people and for tests: by type, then by name. */
  toJSON(): Record<string, Record<string, unknown>> {
    const all: Record<string, Record<string, unknown>> = {};
    for (const { name, kind } of this.names()) define((all[kind] ??= {}), name, handle(this, kind, name).toJSON());
    return all;
  }

  /** What was seen of it: 50 bytes and some 19 for each writer. For `encodeSince` of others. */
  version(): Uint8Array {
    return this.read(Read.Version, args()).rest();
  }

  /** The same to be looked at: the number of events seen of each writer. */
  clock(): Record<string, number> {
    return readClock(this.read(Read.Clock, args()));
  }

  /** The whole state. Equal to the bytes of the Rust crate's `Store` of the same history. Costs O(state). */
  encode(): Uint8Array {
    this.#outside();
    return this.read(Read.State, args()).rest();
  }

  /**
   * What someone lacks who has seen `version`. Costs O(writers + changes).
   *
   * @throws {@link CrdtError} if the version cannot be read.
   */
  encodeSince(version: Uint8Array): Uint8Array {
    this.#outside();
    const document = this.document();
    return guarded(() => document.since(checkBytes(version)));
  }

  /** A hash of what replicas agree on. Equal versions mean equal hashes. Costs O(state). */
  stateHash(): string {
    return hex(this.read(Read.Hash, args()).rest());
  }

  /** Version and live events: equal for equal states, whatever is still stored beside. Costs O(state). */
  canonical(): Uint8Array {
    return this.read(Read.View, args()).rest();
  }

  /**
   * Takes in a delta or a state, whole or not at all.
   *
   * @throws {@link CrdtError} `gap` or `floor`: ask the sender for `encodeSince(version())`. Or what the bytes are not.
   * Nothing has changed then.
   */
  apply(bytes: Uint8Array): Applied {
    this.#outside();
    const document = this.document();
    return this.#took(guarded(() => document.apply(checkBytes(bytes))));
  }

  /** As `apply`, of what was stored here: whatever the limits are. @internal */
  restore(bytes: Uint8Array): Applied {
    this.#outside();
    const document = this.document();
    return this.#took(guarded(() => document.restore(bytes)));
  }

  /** Takes in all that another one has, which must not be within a batch. Costs O(writers + what is new). */
  merge(other: Store): Applied {
    this.#outside();
    const document = this.document();
    if (!(other instanceof Store)) throw new CrdtError("invalid-argument", "what is merged is of the same class");
    other.#outside();
    const theirs = other.document();
    if (document === theirs) return { changed: false, events: 0, keys: 0 };
    return this.#took(guarded(() => document.merge(theirs)));
  }

  #took(bytes: Uint8Array): Applied {
    const found = answer(bytes);
    const events = found.number();
    const applied = { changed: events > 0, events, keys: found.number() };
    this.settle();
    return applied;
  }

  /** Another one with the same content, written under a new id. Costs O(state). */
  clone(): Store {
    const copy = new Store({ now: this.#now });
    copy.merge(this);
    return copy;
  }

  /** Discards what is not needed any more: removals that are still stored. Can be done at any time. */
  compact(): void {
    const document = this.document();
    guarded(() => document.compact());
  }

  /** The UUID that this store writes under. */
  get replica(): string {
    return this.read(Read.Writer, args()).text();
  }

  /** The last event that was written here, `writer:counter`: for `Replica.confirm`. */
  get lastDot(): string | undefined {
    return this.read(Read.Last, args()).option((input) => input.text());
  }

  /** What must be stored with the state for the writer to go on after a restart: see `StoreOptions.writer`. */
  writerRecord(): Uint8Array {
    this.#outside();
    return this.read(Read.RecordOfWriter, args()).rest();
  }

  /**
   * Calls back with what was written here, as deltas to be sent: one for each write or batch, after it has returned
   * from WebAssembly. So a callback may use the store; what it writes comes with a later call. Callbacks that throw do
   * not keep others from being called; the first error is thrown by the call that wrote, whose write stays. Within a
   * batch nobody can begin to listen (`in-batch`).
   */
  onUpdate(callback: (delta: Uint8Array) => void): Unsubscribe {
    checkCallback(callback);
    this.#outside();
    const document = this.document();
    if (this.#updates.size === 0) guarded(() => document.written());
    const entry = (delta: Uint8Array): void => callback(delta);
    this.#updates.add(entry);
    return () => void this.#updates.delete(entry);
  }

  /** Calls back with all changes, those written here and those taken in. Called like `onUpdate`. */
  subscribe(callback: (batch: ChangeBatch) => void): Unsubscribe {
    return this.#listen(this.#subscribers, callback);
  }

  /** As `subscribe`, before those who may change what they are told of. @internal */
  observe(callback: (batch: ChangeBatch) => void): Unsubscribe {
    return this.#listen(this.#observers, callback);
  }

  #listen(listeners: Set<(batch: ChangeBatch) => void>, callback: (batch: ChangeBatch) => void): Unsubscribe {
    checkCallback(callback);
    this.#watch();
    const entry = (batch: ChangeBatch): void => callback(batch);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  /**
   * Makes several writes one: one delta, one call of each subscriber, visible together everywhere. Reads inside see
   * what was written so far; nothing can be taken in or encoded meanwhile (`in-batch`). If `write` throws, what it has
   * written until then stays, as one.
   *
   * @throws {@link CrdtError} `asynchronous` if `write` is an async function, which is not called then, or returns a promise:
   * the group ends when it returns. What it has written until then is taken back.
   */
  batch<R>(write: () => R): R {
    if (isAsync(checkCallback(write))) throw asynchronous();
    const document = this.document();
    // What happened before the group is not taken back with it.
    if (this.#watching) this.#gather();
    const told = this.#batches.length;
    guarded(() => document.group(Group.Begin));
    this.#depth += 1;
    let result: R;
    try {
      result = write();
    } catch (error) {
      try {
        this.#leaveBatch(Group.Keep, told);
      } catch {
        // The first error counts, as always.
      }
      throw error;
    }
    const isRefused = isThenable(result);
    this.#leaveBatch(isRefused ? Group.TakeBack : Group.Keep, told);
    if (isRefused) throw asynchronous();
    return result;
  }

  #leaveBatch(how: Group, told: number): void {
    this.#depth -= 1;
    const document = this.#document;
    if (document === undefined) return;
    if (guarded(() => document.group(how))) {
      if (this.#watching) this.#gather();
      this.#batches.length = told;
      this.#forgetSnapshots();
    }
    this.settle();
  }

  /** Gives the memory back. Afterwards every call throws `freed`; this one can be repeated. */
  free(): void {
    const document = this.#document;
    if (document === undefined) return;
    this.#document = undefined;
    registry.unregister(this);
    this.#updates.clear();
    this.#subscribers.clear();
    this.#observers.clear();
    this.#forgetSnapshots();
    document.free();
  }

  /** Whether `free()` was called. */
  get isFreed(): boolean {
    return this.#document === undefined;
  }

  /** @internal */
  document(): Document {
    if (this.#document === undefined) throw new CrdtError("freed", "the store was freed");
    return this.#document;
  }

  /** @internal */
  read(question: Read, written: Out): In {
    const document = this.document();
    return answer(guarded(() => document.read(question, written.finish())));
  }

  /** @internal */
  ask(question: Ask, written: Out): number {
    const document = this.document();
    return guarded(() => document.ask(question, written.finish()));
  }

  /** @internal */
  write(what: Write, written: Out): number {
    const now = this.time();
    const document = this.document();
    const count = guarded(() => document.write(now, what, written.finish()));
    if (count > 0) this.settle();
    return count;
  }

  /** @internal */
  settleOne(conflict: Conflict, value: Data, policy: number): string {
    return this.batch(() => {
      this.write(Write.Resolve, putConflict(conflict, policy).value(value));
      return this.lastDot!;
    });
  }

  /** @internal */
  settleValue<T extends Data>(
    kind: ValueKind,
    name: string,
    policy: number,
    resolver: Resolver<T>,
    conflicts: () => Conflict[],
  ): Settled[] {
    const decided = decide(resolver, policy, conflicts);
    return this.settleBy(Settle.One, decided(args().text(name).number(kindNumber(kind)).number(policy)));
  }

  /** @internal */
  answering(what: Settle, written: Out): In {
    const now = this.time();
    const document = this.document();
    return answer(guarded(() => document.settle(now, what, written.finish())));
  }

  /** @internal */
  settleBy(what: Settle, written: Out): Settled[] {
    const settled = readSettled(this.answering(what, written));
    if (settled.length > 0) this.settle();
    return settled;
  }

  /** @internal */
  act(what: Act, at: number, written: Out): In {
    if (typeof at !== "number") throw new CrdtError("invalid-argument", "a time is a number");
    const now = this.time();
    const document = this.document();
    return answer(guarded(() => document.act(now, what, at, written.finish())));
  }

  /** @internal */
  start(written: Out): void {
    const document = this.document();
    guarded(() => document.start(written.finish()));
  }

  /** @internal The application's time; asked before anything is done, since it may do anything. */
  time(): number {
    const now = this.#now();
    if (typeof now !== "number") throw new CrdtError("invalid-argument", "`now` gives a number");
    return now;
  }

  /**
   * @internal The same until the value changes. Then `next`, if it is given, makes one of the one before and of the keys that
   * have changed.
   */
  snapshot<T>(
    kind: ValueKind,
    name: string,
    policy: number,
    make: () => T,
    next?: (before: T, keys: Iterable<string>) => T | undefined,
  ): T {
    this.#watch();
    const key = `${kind} ${name}`;
    const kept = this.#snapshots.get(key) ?? new Map<number, unknown>();
    if (!kept.has(policy)) {
      const before = this.#before.get(key);
      const made = before === undefined ? undefined : next?.(before.shown as T, before.keys);
      this.#snapshots.set(key, kept.set(policy, made ?? make()));
      this.#before.delete(key);
    }
    return kept.get(policy) as T;
  }

  /** A key of a value looks different. */
  #outdate({ kind, name, key }: Change): void {
    const id = `${kind} ${name}`;
    const shown = this.#snapshots.get(id)?.get(0);
    this.#snapshots.delete(id);
    if (kind !== "map" || typeof key !== "string") return;
    if (shown !== undefined) this.#before.set(id, { shown, keys: new Set() });
    const before = this.#before.get(id);
    before?.keys.add(key);
    if (before !== undefined && before.keys.size > CHANGES_MAX) this.#before.delete(id);
  }

  #watch(): void {
    if (this.#watching) return;
    const document = this.document();
    guarded(() => document.watch());
    this.#watching = true;
  }

  /** @internal What must be outside of a batch. */
  outside(): void {
    this.#outside();
  }

  #outside(): void {
    if (this.#depth > 0) throw new CrdtError("in-batch", "nothing enters or leaves the store within a batch");
  }

  /** @internal Something may have changed: whoever wants to know is told, outside of batches. */
  settle(): void {
    if (this.#watching) this.#gather();
    if (this.#depth > 0) return;
    if (this.#updates.size > 0) {
      const document = this.document();
      const delta = guarded(() => document.written());
      if (delta.length > 0) this.#call(this.#updates, delta);
    }
    if (this.#batches.length > 0) {
      const batches = this.#batches;
      this.#batches = [];
      for (const batch of joined(batches)) {
        this.#call(this.#observers, batch);
        this.#call(this.#subscribers, batch);
      }
    }
    this.#flush();
  }

  /** Each, soon, unless it has gone by then. */
  #call<T>(callbacks: Set<(value: T) => void>, value: T): void {
    for (const callback of callbacks) {
      this.#queue.push(() => {
        if (callbacks.has(callback)) callback(value);
      });
    }
  }

  #forgetSnapshots(): void {
    this.#snapshots.clear();
    this.#before.clear();
  }

  #gather(): void {
    const document = this.document();
    const found = answer(guarded(() => document.changes()));
    while (!found.isAtEnd) {
      const batch = readBatch(found);
      if (batch.origin === "missed") this.#forgetSnapshots();
      for (const change of batch.changes) this.#outdate(change);
      if (this.#subscribers.size + this.#observers.size > 0) this.#batches.push(batch);
    }
  }

  #flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const errors: unknown[] = [];
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) {
      try {
        call();
      } catch (error) {
        errors.push(error);
      }
    }
    this.#flushing = false;
    if (errors.length > 0) throw errors[0];
  }
}

/** Whether it is known, before it is called, to return before it has written all. */
function isAsync(write: () => unknown): boolean {
  return /^\[object Async/.test(Object.prototype.toString.call(write));
}

function isThenable(value: unknown): boolean {
  try {
    const { then } = (value ?? {}) as { readonly then?: unknown };
    return typeof then === "function";
  } catch {
    return false;
  }
}

function asynchronous(): CrdtError {
  return new CrdtError("asynchronous", "a group ends when the function returns: it must not be asynchronous");
}

export interface Store {
  /** As `free()`, for `using`, where the platform has it. */
  [Symbol.dispose](): void;
}
disposable(Store);

/** Lets `using` free it. Where the platform has no such symbol there is nothing to do. @internal */
export function disposable(type: { readonly prototype: { free(): void } }): void {
  const symbol = (Symbol as { readonly dispose?: symbol }).dispose;
  if (symbol === undefined) return;
  const value = function (this: { free(): void }): void {
    this.free();
  };
  Object.defineProperty(type.prototype, symbol, { value, configurable: true, writable: true });
}

function handle(store: Store, kind: ValueKind, name: string): { toJSON(): unknown } {
  switch (kind) {
    case "counter":
      return store.counter(name);
    case "register":
      return store.register(name);
    case "multi-register":
      return store.multiRegister(name);
    case "flag":
      return store.flag(name);
    case "set":
      return store.set(name);
    case "map":
      return store.map(name);
    case "record":
      return store.record(name);
    case "bounded-counter":
      return store.boundedCounter(name);
    case "ledger":
      return store.ledger(name);
    case "claims":
      return store.claims(name);
  }
}

