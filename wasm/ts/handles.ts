import { args } from "./core.js";
import { CrdtError } from "./error.js";
import { checkCallback } from "./ids.js";
import { Ask, Read, Write } from "./names.js";
import { readVersions, type ValueKind, type Version } from "./changes.js";
import type { Conflict, Resolver, Settled } from "./conflicts.js";
import type { Store, Unsubscribe } from "./store.js";
import { type Data, type In, listOf, Out, readWide, toJson } from "./wire.js";

const encoder = new Out();

/** One value of a store. Handles are light: make as many as you like, they hold nothing but the name. */
export class Handle {
  /** The store. */
  readonly store: Store;
  /** The name. */
  readonly name: string;
  readonly #prefix: Uint8Array;

  /** @internal */
  constructor(store: Store, name: string) {
    if (typeof name !== "string") throw new CrdtError("invalid-argument", "a name is a text");
    this.store = store;
    this.name = name;
    this.#prefix = encoder.open().text(name).finish().slice();
  }

  /** Removes what the store has under this name. What others write meanwhile survives. Says whether there was any. */
  remove(): boolean {
    return this.write(Write.Remove, this.args()) > 0;
  }

  /** @internal The name, after which arguments follow. */
  args(): Out {
    return args().raw(this.#prefix);
  }

  /** @internal */
  write(what: Write, written: Out): number {
    return this.store.write(what, written);
  }

  /** @internal */
  ask(question: Ask, written: Out = this.args()): number {
    return this.store.ask(question, written);
  }

  /** @internal */
  read(question: Read, written: Out = this.args()): In {
    return this.store.read(question, written);
  }
}

/** What all values can do that are shown. */
export abstract class Shown<S> extends Handle {
  /** The type of the value. */
  abstract readonly kind: ValueKind;

  /** The number of the policy that it is read by. @internal */
  protected get policy(): number {
    return 0;
  }

  /** What it shows now, as it is kept by `snapshot`. @internal */
  protected abstract shown(): S;

  /** What it shows, as JSON has it: bytes, large integers and NaN are objects with one key, such as `$bytes`. */
  abstract toJSON(): unknown;

  /**
   * What it shows now: the same object until the value changes, and never changed itself (bytes in it cannot be frozen:
   * leave them as they are). Together with `watch` it
   * fits React's `useSyncExternalStore`.
   */
  snapshot(): S {
    return this.store.snapshot(this.kind, this.name, this.policy, () => freeze(this.shown()));
  }

  /** Calls back whenever this value may look different. Called like `Store.onUpdate`. */
  watch(callback: () => void): Unsubscribe {
    checkCallback(callback);
    return this.store.subscribe(({ origin, changes }) => {
      const mine = changes.some(({ name, kind }) => name === this.name && kind === this.kind);
      if (mine || origin === "missed") callback();
    });
  }
}

/** What conflicts can arise in. */
export abstract class Conflicting<T extends Data, S> extends Shown<S> {
  /** Its conflicts, in the order of their first dots. Costs O(conflicts of the store). */
  conflicts(): Conflict[] {
    return this.store.conflicts().filter(({ name, kind }) => name === this.name && kind === this.kind);
  }

  /**
   * Settles a conflict of this value: see {@link Store.resolve}. Returns the event.
   *
   * @throws {@link CrdtError} as that, or `invalid-argument` for a conflict of another value.
   */
  resolve(conflict: Conflict, value: T): string {
    if (conflict?.name !== this.name || conflict.kind !== this.kind) {
      throw new CrdtError("invalid-argument", "the conflict is another value's");
    }
    return this.store.settleOne(conflict, value, this.policy);
  }

  /** Settles all conflicts of this value, as one group: see {@link Store.resolveAll}. */
  resolveAll(resolver: Resolver<T>): Settled[] {
    return this.store.settleValue(this.kind, this.name, this.policy, resolver, () => this.conflicts());
  }
}

/** Nobody shall change what others see, too. Bytes cannot be frozen. */
/** @internal */
export function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

/** @internal */
export function amount(by: number | bigint): bigint {
  const safe = typeof by === "bigint" || Number.isSafeInteger(by);
  if (!safe || by < 0) throw new CrdtError("invalid-argument", "an amount is a whole number from 0 on");
  if (by > 2n ** 64n - 1n) throw new CrdtError("out-of-range", "an amount has at most 64 bits");
  return BigInt(by);
}

/** A counter: every change counts exactly once, and concurrent ones add up. */
export class Counter extends Shown<number | bigint> {
  override readonly kind = "counter";

  /**
   * Adds to the count.
   *
   * @throws {@link CrdtError} `overflow` if this writer alone would have counted up beyond 64 bits since ever.
   */
  increment(by: number | bigint = 1): void {
    this.write(Write.CounterIncrement, this.args().big(amount(by)));
  }

  /** Takes from the count, which may go below zero. Throws as `increment` does. */
  decrement(by: number | bigint = 1): void {
    this.write(Write.CounterDecrement, this.args().big(amount(by)));
  }

  /** Takes away all that is counted here so far, exactly; what others count meanwhile stays. */
  reset(): boolean {
    return this.write(Write.CounterReset, this.args()) > 0;
  }

  /**
   * The count.
   *
   * @throws {@link CrdtError} `overflow` beyond ±(2^53 − 1): then there is `bigValue`.
   */
  get value(): number {
    const value = this.ask(Ask.Counter);
    if (Number.isNaN(value)) throw new CrdtError("overflow", "the count is no safe integer: use bigValue");
    return value;
  }

  /** The count, however large. */
  get bigValue(): bigint {
    return readWide(this.read(Read.Counter).rest());
  }

  protected override shown(): number | bigint {
    const value = this.ask(Ask.Counter);
    return Number.isNaN(value) ? this.bigValue : value;
  }

  override toJSON(): unknown {
    return toJson(this.shown());
  }
}

/** A flag that is on if in doubt: a concurrent `enable` survives a `disable`. */
export class Flag extends Shown<boolean> {
  override readonly kind = "flag";

  /** Switches it on. Also where it is on already: against concurrent disabling. */
  enable(): void {
    this.write(Write.FlagEnable, this.args());
  }

  /** Switches it off. Says whether it was on. */
  disable(): boolean {
    return this.write(Write.FlagDisable, this.args()) > 0;
  }

  /** Whether it is on. */
  get enabled(): boolean {
    return this.ask(Ask.Flag) === 1;
  }

  protected override shown(): boolean {
    return this.enabled;
  }

  override toJSON(): boolean {
    return this.enabled;
  }
}

/** One value; of concurrent writes the last is shown, and the others stay visible in `versions`. */
export class Register<T extends Data = Data> extends Conflicting<T, T | undefined> {
  override readonly kind = "register";

  /** Sets the value, superseding all that is known. */
  set(value: T): void {
    this.write(Write.RegisterSet, this.args().value(value));
  }

  /** Removes the value. A concurrent `set` survives. */
  clear(): boolean {
    return this.write(Write.RegisterClear, this.args()) > 0;
  }

  /** The last value. */
  get value(): T | undefined {
    return this.read(Read.Register).option((input) => input.value()) as T | undefined;
  }

  /** All concurrent versions. One, usually; several that differ are a conflict, which the next `set` settles. */
  versions(): Version<T>[] {
    return readVersions<T>(this.read(Read.RegisterVersions));
  }

  protected override shown(): T | undefined {
    return this.value;
  }

  override toJSON(): unknown {
    return toJson(this.value ?? null);
  }
}

/** One value, or all of the concurrent ones: nothing is chosen. */
export class MultiRegister<T extends Data = Data> extends Conflicting<T, readonly T[]> {
  override readonly kind = "multi-register";

  /** Sets the value, superseding all that is known. */
  set(value: T): void {
    this.write(Write.MultiSet, this.args().value(value));
  }

  /** Removes all values. A concurrent `set` survives. */
  clear(): boolean {
    return this.write(Write.MultiClear, this.args()) > 0;
  }

  /** All concurrent values, in the order of their dots. */
  get values(): T[] {
    return all(this.read(Read.Multi), (input) => input.value() as T);
  }

  /** How many values there are. */
  get size(): number {
    return this.ask(Ask.MultiSize);
  }

  /** All concurrent values with their events. */
  versions(): Version<T>[] {
    return readVersions<T>(this.read(Read.MultiVersions));
  }

  protected override shown(): readonly T[] {
    return this.values;
  }

  override toJSON(): unknown {
    return toJson(this.values);
  }
}

function all<T>(input: In, one: (input: In) => T): T[] {
  const found: T[] = [];
  while (!input.isAtEnd) found.push(one(input));
  return found;
}

/** A set in which a concurrent `add` survives a `delete`. Elements are compared by what they are, not by identity. */
export class SetHandle<T extends Data = Data> extends Shown<readonly T[]> {
  override readonly kind = "set";

  /** Adds an element. Also where it is there already: against concurrent deleting. */
  add(value: T): this {
    this.write(Write.SetAdd, this.args().value(value));
    return this;
  }

  /** Adds elements as one group: much faster than one by one. */
  addAll(values: Iterable<T>): this {
    const list = listOf(values);
    const written = this.args();
    for (const value of list) written.value(value);
    this.write(Write.SetAdd, written);
    return this;
  }

  /** Removes an element. Says whether it was there. */
  delete(value: T): boolean {
    return this.write(Write.SetDelete, this.args().value(value)) > 0;
  }

  /** Removes elements as one group. Says how many were there. */
  deleteAll(values: Iterable<T>): number {
    const list = listOf(values);
    const written = this.args();
    for (const value of list) written.value(value);
    return this.write(Write.SetDelete, written);
  }

  /** Removes all elements, as one group. */
  clear(): void {
    this.write(Write.SetClear, this.args());
  }

  /** Whether the element is there. */
  has(value: T): boolean {
    return this.ask(Ask.SetHas, this.args().value(value)) === 1;
  }

  /** How many elements there are. */
  get size(): number {
    return this.ask(Ask.SetSize);
  }

  /** The elements, in the order of their dots: the same on all replicas. */
  toArray(): T[] {
    return all(this.read(Read.Set), (input) => input.value() as T);
  }

  /** As `toArray`, one by one. Changes meanwhile are not seen. */
  *values(): IterableIterator<T> {
    const input = this.read(Read.Set);
    while (!input.isAtEnd) yield input.value() as T;
  }

  /** The same as `values`, as in `Set`. */
  keys(): IterableIterator<T> {
    return this.values();
  }

  /** Each element twice, as in `Set`. */
  *entries(): IterableIterator<[T, T]> {
    for (const value of this.values()) yield [value, value];
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }

  forEach(callback: (value: T, same: T, set: this) => void): void {
    for (const value of this.toArray()) callback(value, value, this);
  }

  protected override shown(): readonly T[] {
    return this.toArray();
  }

  override toJSON(): unknown {
    return toJson(this.toArray());
  }
}
