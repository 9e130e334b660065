import { args } from "./core.js";
import { CrdtError } from "./error.js";
import { narrow } from "./failure.js";
import { formatUuid, hex } from "./ids.js";
import { type Data, type In, utf8 } from "./wire.js";

/** The types of the values in a store. */
export type ValueKind =
  | "counter" | "register" | "multi-register" | "flag" | "set" | "map" | "record" | "bounded-counter" | "ledger" | "claims";

/** @internal */
export const KINDS: readonly ValueKind[] = [
  "counter", "register", "multi-register", "flag", "set", "map", "record", "bounded-counter", "ledger", "claims",
];

/** A value that looks different. */
export interface Change {
  /** The name of the value; empty for a value on its own. */
  readonly name: string;
  /** Its type. */
  readonly kind: ValueKind;
  /**
   * The element, key or field; null for a record as a whole; `{ client, number }` or `{ client, block }` in a ledger
   * (a number beyond 2^53 is a text), `{ resource, member }` in claims. Other types have none.
   */
  readonly key?: Data;
  /** What became of it. After any change of a record, read all of it again. */
  readonly change: "added" | "updated" | "removed";
  /** Who wrote what is new there. Empty if what is known is only that it is gone. */
  readonly by: readonly string[];
}

/** What changed at once. */
export interface ChangeBatch {
  /** Written here, taken in, or `missed`: more changed than is kept, so read everything again. */
  readonly origin: "local" | "remote" | "missed";
  /** Each key once. */
  readonly changes: readonly Change[];
}

/** One of several concurrent versions. */
export interface Version<T extends Data = Data> {
  /** The value; of a deletion, what it deleted; undefined if that was erased. */
  readonly value: T | undefined;
  /** Whether this version deletes the value. */
  readonly deleted: boolean;
  /** The event that wrote it: `writer:counter`. */
  readonly dot: string;
  /**
   * When it was written, in milliseconds since 1970. Only breaks ties among concurrent versions. Undefined where the type
   * keeps no times.
   */
  readonly time: number | undefined;
  /** Breaks ties among equal times. */
  readonly logical: number | undefined;
}

const CHANGES = ["added", "updated", "removed"] as const;
const ORIGINS = ["local", "remote", "missed"] as const;

/** The local batches of one `batch()`, as one. @internal */
export function joined(batches: ChangeBatch[]): ChangeBatch[] {
  const [first] = batches;
  if (first === undefined || batches.length === 1 || batches.some(({ origin }) => origin !== "local")) return batches;
  const changes = new Map<string, Change>();
  for (const change of batches.flatMap((batch) => batch.changes)) {
    const key = JSON.stringify([change.kind, change.name, identity(change.key)]);
    const before = changes.get(key);
    changes.delete(key);
    const kind = before === undefined ? change.change : both(before.change, change.change);
    if (kind !== undefined) changes.set(key, { ...change, change: kind });
  }
  return changes.size > 0 ? [{ origin: "local", changes: [...changes.values()] }] : [];
}

/** What two changes of one key come to; nothing if it was added and removed. */
function both(first: Change["change"], second: Change["change"]): Change["change"] | undefined {
  if (first === "added") return second === "removed" ? undefined : "added";
  if (first === "removed") return second === "removed" ? "removed" : "updated";
  return second === "removed" ? "removed" : "updated";
}

/** What is the same for equal keys only. @internal */
export function identity(key: Data | undefined): unknown {
  if (key === undefined) return [];
  const out = args().value(key).finish();
  return hex(out);
}

/** @internal */
export function readBatch(input: In): ChangeBatch {
  const origin = ORIGINS[input.number()] ?? "missed";
  const changes: Change[] = [];
  for (let left = input.number(); left > 0; left--) {
    const kind = kindOf(input.number());
    const name = input.text();
    const key = input.option((from) => shownKey(kind, from.value()));
    const change = CHANGES[input.number()] ?? "updated";
    const by: string[] = [];
    for (let writers = input.number(); writers > 0; writers--) by.push(input.text());
    changes.push(key === undefined ? { name, kind, change, by } : { name, kind, key, change, by });
  }
  return { origin, changes };
}

/** A number, or a text where it is not safe: numbers of requests have 64 bits, those of data 63. */
function wide(big: bigint): number | string {
  const number = narrow(big);
  return typeof number === "number" ? number : String(number);
}

/** The key of a change, as people have it. */
function shownKey(kind: ValueKind, key: Data): Data {
  if (!(key instanceof Uint8Array)) return key;
  if (kind === "claims") {
    return { resource: utf8(key.subarray(16)), member: formatUuid(key.subarray(0, 16)) };
  }
  if (kind !== "ledger") return key;
  const number = wide(key.subarray(17).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
  const client = formatUuid(key.subarray(1, 17));
  return key[0] === 0 ? { client, number } : { client, block: number };
}

/** @internal */
export function kindOf(number: number): ValueKind {
  const kind = KINDS[number];
  if (kind === undefined) throw new CrdtError("internal", "a value of an unknown type");
  return kind;
}

/** @internal */
export function readVersions<T extends Data>(input: In): Version<T>[] {
  const versions: Version<T>[] = [];
  for (let left = input.number(); left > 0; left--) versions.push(readVersion<T>(input));
  return versions;
}

/** @internal */
export function readVersion<T extends Data>(input: In): Version<T> {
  const value = input.option((from) => from.value()) as T | undefined;
  const deleted = input.flag();
  const dot = input.text();
  const isTimed = input.flag();
  const [time, logical] = isTimed ? [input.number(), input.number()] : [];
  return { value, deleted, dot, time, logical };
}

/** @internal */
export function readClock(input: In): Record<string, number> {
  const clock: Record<string, number> = {};
  while (!input.isAtEnd) {
    const writer = input.text();
    clock[writer] = input.number();
  }
  return clock;
}
