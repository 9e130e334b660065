import { args } from "./core.js";
import { readVersions, type Version } from "./changes.js";
import { CrdtError } from "./error.js";
import { checkOptions } from "./ids.js";
import { type DeletePolicy, kindNumber, policyOf, type Settled } from "./conflicts.js";
import { Conflicting, freeze } from "./handles.js";
import { Ask, Read, Settle, Write } from "./names.js";
import { changed, shared } from "./shared.js";
import type { Store } from "./store.js";
import { type Data, define, isPlain, listOf, type Out, toJson } from "./wire.js";

/** What maps and records have in common. */
abstract class Keyed<T extends Data> extends Conflicting<T, { readonly [key: string]: T }> {
  /** @internal */
  protected abstract readonly questions: {
    readonly get: Read;
    readonly all: Read;
    readonly versions: Read;
    readonly has: Ask;
    readonly size: Ask;
    readonly set: Write;
    readonly delete: Write;
    readonly clear: Write;
  };

  /** Sets the value of a key, superseding all that is known of it. That settles a conflict, too. */
  set(key: string, value: T): this {
    this.write(this.questions.set, this.args().text(key).value(value));
    return this;
  }

  /** Sets several as one group: much faster than one by one. Of entries with one key the last counts. */
  setAll(entries: Iterable<readonly [string, T]> | { readonly [key: string]: T }): this {
    const isIterable = !isPlain(entries) || Symbol.iterator in entries;
    const list = isIterable ? listOf(entries as Iterable<readonly [string, T]>) : Object.entries(entries);
    const written = this.args();
    // By index, as `Map` does.
    for (const entry of list) written.text(entry?.[0]).value(entry?.[1]);
    this.write(this.questions.set, written);
    return this;
  }

  /** Removes a key. A concurrent `set` survives. Says whether it was there. */
  delete(key: string): boolean {
    return this.write(this.questions.delete, this.args().text(key)) > 0;
  }

  /** Removes keys as one group. Says how many were there. */
  deleteAll(keys: Iterable<string>): number {
    const list = listOf(keys);
    const written = this.args();
    for (const key of list) written.text(key);
    return this.write(this.questions.delete, written);
  }

  /** What a key shows: of concurrent values the last. */
  get(key: string): T | undefined {
    return this.read(this.questions.get, this.args().text(key)).option((input) => input.value()) as T | undefined;
  }

  /** Whether the key shows something. */
  has(key: string): boolean {
    return this.ask(this.questions.has, this.args().text(key)) === 1;
  }

  /** How many keys there are. */
  get size(): number {
    return this.ask(this.questions.size);
  }

  /** All concurrent versions of a key, in the order of their dots. One, usually. */
  versions(key: string): Version<T>[] {
    return readVersions<T>(this.read(this.questions.versions, this.args().text(key)));
  }

  /**
   * Keys and values, in the order of the keys as names have it, by their UTF-8 bytes: the same on all replicas. (Objects, as
   * `toObject` and `snapshot` give them, have keys that are whole numbers first.)
   */
  *entries(): IterableIterator<[string, T]> {
    const input = this.read(this.questions.all);
    while (!input.isAtEnd) yield [input.text(), input.value() as T];
  }

  *keys(): IterableIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<T> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.entries();
  }

  forEach(callback: (value: T, key: string, map: this) => void): void {
    for (const [key, value] of [...this.entries()]) callback(value, key, this);
  }

  /** All of it as a plain object. */
  toObject(): Record<string, T> {
    const object: Record<string, T> = {};
    const input = this.read(this.questions.all);
    while (!input.isAtEnd) define(object, input.text(), input.value() as T);
    return object;
  }

  protected override shown(): { readonly [key: string]: T } {
    return this.toObject();
  }

  override toJSON(): unknown {
    return toJson(this.toObject());
  }
}

/** A map; of concurrent values of a key the last is shown, and the others stay visible in `versions`. */
export class LwwMapHandle<T extends Data = Data> extends Keyed<T> {
  override readonly kind = "map";

  /** @internal */
  protected override get questions() {
    return MAP;
  }

  /**
   * As of all values. From 1,024 keys on it shares with the one before what has not changed: it costs O(changes), and some
   * hundredths of a millisecond. It reads like any frozen object; for `structuredClone` copy it: `{ ...snapshot }`.
   */
  override snapshot(): { readonly [key: string]: T } {
    const make = (): { readonly [key: string]: T } => shared(freeze(this.toObject()));
    return this.store.snapshot(this.kind, this.name, this.policy, make, (before, keys) => {
      return changed<T>(before, [...keys].map((key) => [key, freeze(this.get(key))]));
    });
  }

  /** Removes all keys, as one group. */
  clear(): void {
    this.write(Write.MapClear, this.args());
  }
}

/** How a record is read and written. */
export interface RecordOptions {
  /**
   * Who wins where one deletes and another changes: the update by default. Bytes are the same under all policies, so
   * replicas that choose differently hold the same state and read it differently. `Store.names`, `toJSON` and
   * `resolveAll` know only the default.
   */
  readonly deletes?: DeletePolicy;
}

/**
 * A record of fields that merges by field and shows every conflict. Deleting is a change like any other: it keeps the
 * values, so that a concurrent update is a conflict that a person can settle, and neither side is lost.
 *
 * Fields that change as a unit are a *group*: one field whose value is an object. Of concurrent changes of its members
 * one is shown and both are a conflict, so that nobody reads a mixture that nobody wrote.
 */
export class RecordHandle<T extends Data = Data> extends Keyed<T> {
  override readonly kind = "record";
  /** Who wins where one deletes and another changes. */
  readonly deletes: DeletePolicy;
  readonly #policy: number;

  /** @internal */
  constructor(store: Store, name: string, options?: RecordOptions) {
    super(store, name);
    const { deletes = "update-wins" } = checkOptions(options) ?? {};
    this.#policy = policyOf(deletes);
    this.deletes = deletes;
  }

  /** @internal */
  protected override get questions() {
    return RECORD;
  }

  /** @internal */
  protected override get policy(): number {
    return this.#policy;
  }

  /** @internal */
  override args(): Out {
    return super.args().number(this.#policy);
  }

  /** A member of the group that a field shows. */
  getMember(field: string, member: string): Data | undefined {
    return this.read(Read.RecordMember, this.args().text(field).text(member)).option((input) => input.value());
  }

  /**
   * Sets members of a group, the object that is the value of `field`, and keeps the others, as one event. A group that
   * is not there is made.
   *
   * @throws {@link CrdtError} `in-conflict` while several groups differ: settle it first. `not-a-group` if the field
   * has another value. Nothing has changed then.
   */
  setMembers(field: string, members: { readonly [member: string]: Data }): this {
    if (!isPlain(members)) throw new CrdtError("invalid-argument", "members are those of an object");
    const written = this.args().text(field);
    for (const [member, value] of Object.entries(members)) written.text(member).value(value);
    this.write(Write.RecordMembers, written);
    return this;
  }

  /**
   * Settles all conflicts with deletions, as one group, so that the record stays whatever the policy: of each field the
   * latest value is written again. Returns what was settled.
   */
  restore(): Settled[] {
    const written = args().text(this.name).number(kindNumber(this.kind)).number(this.#policy);
    return this.store.settleBy(Settle.Restore, written);
  }

  /** Deletes the record: all of its fields, and the record itself. A concurrent update is a conflict. */
  clear(): boolean {
    return this.write(Write.RecordClear, this.args()) > 0;
  }

  /** Forgets the values that standing deletions kept, everywhere. Only the fact of the deletion stays. */
  erase(): boolean {
    return this.write(Write.RecordErase, this.args()) > 0;
  }

  /** Forgets standing deletions altogether, once all replicas have seen them. */
  purge(): boolean {
    return this.write(Write.RecordPurge, this.args()) > 0;
  }
}

const MAP = {
  get: Read.MapGet,
  all: Read.Map,
  versions: Read.MapVersions,
  has: Ask.MapHas,
  size: Ask.MapSize,
  set: Write.MapSet,
  delete: Write.MapDelete,
  clear: Write.MapClear,
} as const;

const RECORD = {
  get: Read.RecordGet,
  all: Read.Record,
  versions: Read.RecordVersions,
  has: Ask.RecordHas,
  size: Ask.RecordSize,
  set: Write.RecordSet,
  delete: Write.RecordDelete,
  clear: Write.RecordClear,
} as const;
