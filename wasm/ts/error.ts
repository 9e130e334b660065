/**
 * Why a call failed. Programs look at `code`; the message is for people.
 *
 * | codes | what happened |
 * |---|---|
 * | `truncated` `not-dotted` `checksum` `malformed` | the bytes cannot be read |
 * | `wrong-kind` `wrong-type` `wrong-schema` `wrong-store` | the bytes are something else |
 * | `unsupported-version` `unsupported-extension` | the bytes are from another release |
 * | `gap` `floor` | the delta builds on what is not known here: ask again with `version()` |
 * | `too-large` `too-many-writers` `too-many-keys` `too-deep` `full` `too-many-tickets` | a limit |
 * | `overflow` `out-of-range` | a number does not fit |
 * | `insufficient-rights` `unknown-replica` `to-oneself` `zero-amount` | a rule of bounded counters |
 * | `reused` | the id of a request stands for something else |
 * | `taken` `contested` | what is claimed is not free |
 * | `outdated` | the conflict is not any more as it was listed: list it again |
 * | `in-conflict` `not-a-group` `no-such-key` | the value cannot be written there |
 * | `invalid-value` `invalid-text` `invalid-id` `invalid-argument` | an argument cannot be used |
 * | `not-member` `retired` `muted` `myself` `forked` `same-writer` `no-replica` `is-replica` `refused` | a rule of replication |
 * | `quota` `storage` `damaged` | where the store is kept there is no room left, it fails otherwise, or nothing can be read |
 * | `connection` | a link to others is lost |
 * | `freed` `not-ready` `wrong-release` `in-batch` | the call comes at a wrong time, or the files do not belong together |
 * | `asynchronous` | what writes a group is asynchronous |
 * | `internal` | a defect of this package: please report it |
 */
export type CrdtErrorCode =
  | "truncated" | "not-dotted" | "checksum" | "malformed"
  | "wrong-kind" | "wrong-type" | "wrong-schema" | "wrong-store"
  | "unsupported-version" | "unsupported-extension"
  | "gap" | "floor"
  | "too-large" | "too-many-writers" | "too-many-keys" | "too-deep" | "full" | "too-many-tickets"
  | "overflow" | "out-of-range"
  | "insufficient-rights" | "unknown-replica" | "to-oneself" | "zero-amount"
  | "reused" | "taken" | "contested"
  | "outdated" | "in-conflict" | "not-a-group" | "no-such-key"
  | "invalid-value" | "invalid-text" | "invalid-id" | "invalid-argument"
  | "not-member" | "retired" | "muted" | "myself" | "forked" | "same-writer"
  | "no-replica" | "is-replica" | "refused"
  | "quota" | "storage" | "damaged" | "connection"
  | "freed" | "not-ready" | "wrong-release" | "in-batch" | "asynchronous" | "internal";

/** What every call of this package throws. Whatever threw it has changed nothing. */
export class CrdtError extends Error {
  override readonly name = "CrdtError";
  /** Which error it is. */
  readonly code: CrdtErrorCode;

  constructor(code: CrdtErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** This replica has not so many rights to count a bounded counter down, or to hand over. Nothing was written. */
export class InsufficientRightsError extends CrdtError {
  declare readonly code: "insufficient-rights";
  /** How many it has. */
  readonly local: number | bigint;
  /** How many others have, as far as it is known here. */
  readonly elsewhere: number | bigint;

  constructor(local: number | bigint, elsewhere: number | bigint) {
    super("insufficient-rights", `${local} rights are here, and ${elsewhere} elsewhere`);
    this.local = local;
    this.elsewhere = elsewhere;
  }
}

/** How much there is of something, and how much there may be. */
export interface Room {
  readonly limit: "writers" | "events" | "names";
  readonly used: number;
  readonly allowed: number;
}

/** The group has no room for what was to be written: `Room` says for what. Nothing was written. */
export class FullError extends CrdtError implements Room {
  declare readonly code: "full";
  readonly limit: Room["limit"];
  readonly used: number;
  readonly allowed: number;

  constructor({ limit, used, allowed }: Room) {
    super("full", `there would be ${used} ${limit}, and the group has room for ${allowed}`);
    [this.limit, this.used, this.allowed] = [limit, used, allowed];
  }
}

/** The largest of some values. */
export interface Largest {
  /** The name of the value in the store. */
  readonly name?: string;
  /** The key in it, as the binary format has it. */
  readonly key: Uint8Array;
  /** How many bytes key and value have. */
  readonly bytes: number;
}

/** A value is larger than all of the group accept. Nothing was written. */
export class TooLargeError extends CrdtError {
  declare readonly code: "too-large";
  readonly largest: Largest;
  /** How many bytes it may have. */
  readonly allowed: number;

  constructor(largest: Largest, allowed: number) {
    super("too-large", `the value "${largest.name ?? ""}" has ${largest.bytes} bytes, and the group accepts ${allowed}`);
    [this.largest, this.allowed] = [largest, allowed];
  }
}
