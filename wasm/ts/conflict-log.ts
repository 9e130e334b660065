import { args } from "./core.js";
import type { ValueKind, Version } from "./changes.js";
import { checkPlace, type Conflict, type ConflictPlace } from "./conflicts.js";
import { CrdtError } from "./error.js";
import { checkOptions, hex, parseUuid } from "./ids.js";
import { Read } from "./names.js";
import { Store, type Unsubscribe } from "./store.js";
import { type Data, type DataObject, toJson } from "./wire.js";

/** How a log names keys. */
export type LogKeys =
  /** As they are. */
  | "plain"
  /**
   * By hashes with this salt, which is to be the same in all logs whose lines are put together. Equal keys can be told, and whoever
   * knows the salt can try keys: it is a pseudonym, not a secret.
   */
  | { readonly salt: number }
  /** Not at all. */
  | "omitted";

/** What a log keeps. */
export interface ConflictLogOptions {
  /** So many conflicts: 1,024. */
  readonly entries?: number;
  /** Of a conflict so many versions, the latest: 16. The others are counted. */
  readonly versions?: number;
  /** Whether the values are kept: yes. They may be personal data. */
  readonly values?: boolean;
  /** How keys are named: as they are. */
  readonly keys?: LogKeys;
  /** The clock that notes when: `Date.now`. */
  readonly now?: () => number;
}

/** What a conflict in a log is about. */
export type LogPlace =
  | { readonly of: ValueKind; readonly name: string; readonly key?: Data }
  | { readonly of: ValueKind; readonly nameHash: string; readonly keyHash: string }
  | { readonly of?: undefined };

/** A conflict that was noted. */
export type LogEntry = LogPlace & {
  /** Its name, the same everywhere: a hash of the dots of its versions. */
  readonly id: string;
  /** When it was noted. */
  readonly noted: number;
  readonly cause: Conflict["cause"];
  /** In the order of their dots. */
  readonly versions: readonly Version[];
  /** How many versions it has besides. */
  readonly omitted: number;
};

/** The names of the types in JSON lines, as the Rust crate writes them: `MultiRegister`. */
function typeName(kind: ValueKind): string {
  return kind.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The conflicts of a store that were noted, those noted last if there were more than are kept.
 *
 * A conflict has the same name in the logs of all replicas, so their lines can be put together and told apart by it. A
 * conflict that grows by another version is another conflict, and the one that it was is not open any more.
 *
 * ```ts
 * const log = new ConflictLog(store); // notes what is there, and whatever conflicts from now on
 * log.unresolved();
 * await upload(log.toJsonLines());
 * log.stop();
 * ```
 */
export class ConflictLog {
  /** The store. */
  readonly store: Store;
  readonly #options: Required<ConflictLogOptions>;
  /** By the names of the conflicts. */
  readonly #entries = new Map<string, LogEntry>();
  readonly #stop: Unsubscribe;

  constructor(store: Store, options?: ConflictLogOptions) {
    if (!(store instanceof Store)) throw new CrdtError("invalid-argument", "a log is one of a store");
    const { entries = 1024, versions = 16, values = true, keys = "plain", now = Date.now } = checkOptions(options) ?? {};
    const isKnown = keys === "plain" || keys === "omitted" || (typeof keys === "object" && keys !== null);
    for (const number of [entries, versions, isKnown ? (typeof keys === "string" ? 0 : keys.salt) : -1]) {
      if (Number.isSafeInteger(number) && number >= 0) continue;
      throw new CrdtError("invalid-argument", "a log has sizes and a salt, whole numbers from 0 on, and known ways to name keys");
    }
    this.store = store;
    this.#options = { entries, versions, values, keys, now };
    this.#note(store.conflicts());
    // Before those who settle what they are told of.
    this.#stop = store.observe(({ changes }) => {
      // Where it is not known what changed, all are looked at.
      this.#note(changes.length === 0 ? store.conflicts() : changes.map((change) => store.conflict(change)));
    });
  }

  /** Notes nothing more. What was noted stays. */
  stop(): void {
    this.#stop();
  }

  /** The number of conflicts in the log. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many conflicts in the log are of each cause. */
  counts(): Record<Conflict["cause"], number> {
    const counts = { "write-write": 0, "insert-insert": 0, "update-delete": 0 };
    for (const { cause } of this.#entries.values()) counts[cause] += 1;
    return counts;
  }

  /** The entries, those noted last first; of one time in the order of their names. */
  entries(): LogEntry[] {
    return [...this.#entries.values()].sort((one, other) => other.noted - one.noted || (one.id < other.id ? 1 : -1));
  }

  [Symbol.iterator](): Iterator<LogEntry> {
    return this.entries()[Symbol.iterator]();
  }

  /** The entries about a key, also where keys are hashed; none where they are omitted. */
  of(place: ConflictPlace): LogEntry[] {
    const wanted = placeText(this.#place(place));
    return this.entries().filter((entry) => entry.of !== undefined && placeText(entry) === wanted);
  }

  /** The entry of a conflict. */
  get(id: string): LogEntry | undefined {
    return this.#entries.get(id);
  }

  /** The entries that still are conflicts in the store, as they were noted. */
  unresolved(): LogEntry[] {
    const open = new Set(this.store.conflicts().map((conflict) => this.#id(conflict)));
    return this.entries().filter(({ id }) => open.has(id));
  }

  /**
   * The entries as JSON, one to a line, those noted first first: as the Rust crate writes them, but for how floats are
   * spelled.
   */
  toJsonLines(): string {
    return this.entries().reverse().map((entry) => `${line(entry)}\n`).join("");
  }

  #note(conflicts: readonly (Conflict | undefined)[]): void {
    const { values, versions: limit, entries: most, now } = this.#options;
    for (const conflict of conflicts) {
      if (conflict === undefined) continue;
      const id = this.#id(conflict);
      if (this.#entries.has(id)) continue;
      const more = Math.max(conflict.versions.length - limit, 0);
      const earliest = new Set([...conflict.versions].sort(byTime).slice(0, more));
      const kept = conflict.versions.filter((version) => !earliest.has(version));
      this.#entries.set(id, {
        id,
        noted: now(),
        cause: conflict.cause,
        ...this.#place(conflict),
        versions: values ? kept : kept.map((version) => ({ ...version, value: undefined })),
        omitted: more,
      });
    }
    if (this.#entries.size > most) for (const { id } of this.entries().slice(most)) this.#entries.delete(id);
  }

  /** What a conflict is about, as it is to be named. */
  #place(place: ConflictPlace): LogPlace {
    const { name, kind, key } = checkPlace(place);
    const { keys } = this.#options;
    if (keys === "omitted") return {};
    if (keys === "plain") return key === undefined ? { of: kind, name } : { of: kind, name, key };
    const keyBytes = key === undefined ? new Uint8Array() : args().value(key).finish().slice();
    const [nameHash, keyHash] = [new TextEncoder().encode(name), keyBytes].map((bytes) => this.#digest(keys.salt, bytes));
    return { of: kind, nameHash: nameHash!, keyHash: keyHash! };
  }

  /** Of the dots, which are in their order: the id, the branch, the counter of each. */
  #id({ versions }: Conflict): string {
    const bytes = new Uint8Array(28 * versions.length);
    const view = new DataView(bytes.buffer);
    versions.forEach(({ dot }, number) => {
      const [, uuid, branch = "0", counter] = /^([^.:]*)\.?(\d+)?:(\d+)$/.exec(dot)!;
      bytes.set(parseUuid(uuid!), 28 * number);
      view.setUint32(28 * number + 16, Number(branch), true);
      view.setBigUint64(28 * number + 20, BigInt(counter!), true);
    });
    return this.#digest(0, bytes);
  }

  #digest(seed: number, bytes: Uint8Array): string {
    return hex(this.store.read(Read.Digest, args().number(seed).raw(bytes)).rest());
  }
}

/** By when they were written, and of one time by their dots, whose order the sort keeps. */
function byTime(one: Version, other: Version): number {
  return (one.time ?? -1) - (other.time ?? -1) || (one.logical ?? 0) - (other.logical ?? 0);
}

/** As `JSON.stringify`, with integers in full and keys in their order. */
function jsonText(data: Data): string {
  if (typeof data === "bigint") return String(data);
  if (Array.isArray(data)) return `[${data.map(jsonText).join(",")}]`;
  if (typeof data !== "object" || data === null || data instanceof Uint8Array) return JSON.stringify(toJson(data));
  const keys = Object.keys(data).sort();
  const text = `{${keys.map((key) => `${JSON.stringify(key)}:${jsonText((data as DataObject)[key]!)}`).join(",")}}`;
  return keys.some((key) => key.startsWith("$")) ? `{"$map":${text}}` : text;
}

function placeText(place: LogPlace): string {
  if (place.of === undefined) return "";
  const of = `"of":"${typeName(place.of)}",`;
  if ("nameHash" in place) return `${of}"name_hash":"${place.nameHash}","key_hash":"${place.keyHash}",`;
  return `${of}"name":${JSON.stringify(place.name)},"key":${jsonText(place.key ?? null)},`;
}

function line(entry: LogEntry): string {
  const versions = entry.versions.map(({ dot, time, logical, deleted, value }) => {
    // Milliseconds above 16 bits of logical time: more than a number of JavaScript holds.
    const stamp = time === undefined ? "null" : (BigInt(time) << 16n) + BigInt(logical ?? 0);
    const shown = value === undefined ? "null" : jsonText(value);
    const at = dot.lastIndexOf(":");
    const event = `{"replica":"${dot.slice(0, at)}","counter":${dot.slice(at + 1)}}`;
    return `{"dot":${event},"timestamp":${stamp},"deleted":${deleted},"value":${shown}}`;
  });
  const { id, noted, cause, omitted } = entry;
  const about = `{"id":"${id}","noted":${JSON.stringify(noted)},"kind":"${cause}",${placeText(entry)}`;
  return `${about}"versions":[${versions.join(",")}],"omitted":${omitted}}`;
}
