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
 * | `freed` `not-ready` `in-batch` | the call comes at a wrong time |
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
  | "freed" | "not-ready" | "in-batch" | "internal";

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

/** A number where it is safe. @internal */
export function narrow(big: bigint): number | bigint {
  const number = Number(big);
  return Number.isSafeInteger(number) ? number : big;
}

/** What a call into WebAssembly threw, as an error of this package. @internal */
export function translated(thrown: unknown): CrdtError {
  if (typeof thrown === "string") {
    const at = thrown.indexOf(": ");
    const [code, detail] = [thrown.slice(0, at) as CrdtErrorCode, thrown.slice(at + 2)];
    if (code !== "insufficient-rights") return new CrdtError(code, detail);
    const rights = (from: number): number | bigint => narrow(BigInt(`0x${detail.slice(from, from + 32)}`));
    return new InsufficientRightsError(rights(0), rights(32));
  }
  return new CrdtError("internal", "the WebAssembly instance failed", { cause: thrown });
}
