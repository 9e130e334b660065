import { args } from "./core.js";
import { identity, KINDS, kindOf, readVersion, readVersions, type ValueKind, type Version } from "./changes.js";
import { CrdtError } from "./error.js";
import { parseUuid } from "./ids.js";
import type { Data, In, Out } from "./wire.js";

/** What a conflict can be about. */
export interface ConflictPlace {
  readonly name: string;
  readonly kind: ValueKind;
  /** The key of a map or field of a record, null for a record as a whole. */
  readonly key?: Data;
}

/** @internal */
export function checkPlace(place: ConflictPlace): ConflictPlace {
  if (typeof place?.name === "string") return place;
  throw new CrdtError("invalid-argument", "a conflict is about a name");
}

/** A key with concurrent versions that differ. The same on all replicas that know the same events. */
export interface Conflict extends ConflictPlace {
  /** How it came about. Registers and maps do not tell whether the value was there before. */
  readonly cause: "write-write" | "insert-insert" | "update-delete";
  /** In the order of their dots. */
  readonly versions: readonly Version[];
}

/** A conflict that was settled. */
export interface Settled {
  /** The conflict as it was. */
  readonly conflict: Conflict;
  /** What took the place of its versions. */
  readonly by: Version;
}

/** Who wins where one deletes a record, or a field, and another changes it at the same time. */
export type DeletePolicy =
  /** The update: the record survives with the change, and what was deleted with it comes back. */
  | "update-wins"
  /** The deletion: a field shows nothing as long as it, or the record as a whole, has the mark of a deletion. */
  | "delete-wins"
  /** Nobody: what is undecided shows no value until a field is written, or the record restored or deleted. */
  | "ask";

/**
 * Who decides conflicts.
 *
 * * `"latest"`, `"earliest"`: the last or the first of the concurrent writes.
 * * `{ priority }`: the write of the writer that comes first in this list of UUIDs; among the others the latest.
 * * A function: what it makes of the versions, one of the values or something new; `undefined` leaves the conflict
 *   open. It is asked only where values differ, and sees the versions in question, all with a value, in the order of
 *   their dots. All replicas get one answer if it depends on nothing but the set of the versions. It is asked about all
 *   conflicts before anything is written: if it throws, nothing is. What others changed while it ran stays open.
 */
export type Resolver<T extends Data = Data> =
  | "latest"
  | "earliest"
  | { readonly priority: readonly string[] }
  | ((versions: readonly (Version<T> & { readonly value: T })[], conflict: Conflict) => T | undefined);

const CAUSES = ["write-write", "insert-insert", "update-delete"] as const;
const POLICIES: readonly DeletePolicy[] = ["update-wins", "delete-wins", "ask"];

/** The number of a policy. @internal */
export function policyOf(policy: DeletePolicy): number {
  const number = POLICIES.indexOf(policy);
  if (number < 0) throw new CrdtError("invalid-argument", "a policy is update-wins, delete-wins or ask");
  return number;
}

/** @internal */
export function readConflict(input: In): Conflict {
  const kind = kindOf(input.number());
  const name = input.text();
  const key = input.option((from) => from.value());
  const cause = CAUSES[input.number()] ?? "write-write";
  const versions = readVersions(input);
  return key === undefined ? { name, kind, cause, versions } : { name, kind, key, cause, versions };
}

/** @internal */
export function readSettled(input: In): Settled[] {
  const settled: Settled[] = [];
  while (!input.isAtEnd) settled.push({ conflict: readConflict(input), by: readVersion(input) });
  return settled;
}

/** A conflict by its name, the policy, its key and its versions. @internal */
export function putConflict(conflict: Conflict, policy: number): Out {
  const isConflict = typeof conflict?.name === "string" && Array.isArray(conflict.versions);
  if (!isConflict) throw new CrdtError("invalid-argument", "a conflict is expected, as conflicts() lists it");
  const out = args().text(conflict.name).number(policy).number(kindNumber(conflict.kind));
  const { key } = conflict;
  return putDots(key === undefined ? out.number(0) : out.number(1).value(key), conflict.versions);
}

/** @internal */
export function kindNumber(kind: ValueKind): number {
  const number = KINDS.indexOf(kind);
  if (number < 0) throw new CrdtError("invalid-argument", "a value of an unknown type");
  return number;
}

/** Asks a resolver, and gives what writes down its decisions. @internal */
export function decide<T extends Data>(
  resolver: Resolver<T>,
  policy: number,
  conflicts: () => Conflict[],
): (out: Out) => Out {
  if (resolver === "latest") return (out) => out.number(0);
  if (resolver === "earliest") return (out) => out.number(1);
  if (typeof resolver === "function") {
    const answers: [readonly Version[], Data][] = [];
    for (const conflict of conflicts()) {
      const versions = inQuestion<T>(conflict, policy);
      const answer = versions.length > 0 ? resolver(versions, conflict) : undefined;
      if (answer !== undefined) answers.push([versions, answer]);
    }
    return (out) => {
      out.number(3).number(answers.length);
      for (const [versions, answer] of answers) putDots(out, versions).value(answer);
      return out;
    };
  }
  const priority = resolver?.priority;
  if (!Array.isArray(priority)) {
    throw new CrdtError("invalid-argument", "a resolver is latest, earliest, a priority of writers or a function");
  }
  const writers: readonly string[] = priority;
  writers.forEach(parseUuid);
  return (out) => writers.reduce((to, writer) => to.text(writer), out.number(2).number(writers.length));
}

/** The versions that a function is asked about: none where there is nothing to decide, or where a deletion decides. */
function inQuestion<T extends Data>(conflict: Conflict, policy: number): (Version<T> & { readonly value: T })[] {
  if (conflict.cause === "update-delete" && policy > 0) return [];
  const there = conflict.versions.filter(({ value, deleted }) => !deleted && value !== undefined);
  const differ = new Set(there.map(({ value }) => identity(value))).size > 1;
  return differ ? (there as (Version<T> & { readonly value: T })[]) : [];
}

function putDots(out: Out, versions: readonly Version[]): Out {
  return versions.reduce((to, { dot }) => to.text(dot), out.number(versions.length));
}
