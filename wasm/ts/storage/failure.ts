import { CrdtError, type CrdtErrorCode } from "../index.js";

/** What storage failed with: `quota` if there is no room, else `storage`. */
export function failure(thrown: unknown): CrdtError {
  if (thrown instanceof CrdtError) return thrown;
  const full = nameOf(thrown) === "QuotaExceededError";
  const code: CrdtErrorCode = full ? "quota" : "storage";
  const message = full ? "there is no room left in the storage" : `the storage failed: ${String(thrown)}`;
  return new CrdtError(code, message, { cause: thrown });
}

function nameOf(thrown: unknown): unknown {
  return typeof thrown === "object" && thrown !== null && "name" in thrown ? thrown.name : undefined;
}
