import { CrdtError, type CrdtErrorCode, FullError, InsufficientRightsError, type Largest, type Room, TooLargeError } from "./error.js";
import { In, readWide } from "./wire.js";

/** A number where it is safe. @internal */
export function narrow(big: bigint): number | bigint {
  const number = Number(big);
  return Number.isSafeInteger(number) ? number : big;
}

/** What a call into WebAssembly threw, as an error of this package. @internal */
export function translated(thrown: unknown): CrdtError {
  if (typeof thrown !== "string") return new CrdtError("internal", "the WebAssembly instance failed", { cause: thrown });
  const [text = "", digits] = thrown.split("\n");
  const at = text.indexOf(": ");
  const [code, detail] = [text.slice(0, at) as CrdtErrorCode, text.slice(at + 2)];
  if (digits === undefined) return new CrdtError(code, detail);
  const facts = new In(Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));
  if (code === "full") return new FullError(readRoom(facts));
  if (code === "too-large") return new TooLargeError(readLargest(facts), facts.number());
  const rights = facts.rest();
  return new InsufficientRightsError(narrow(readWide(rights)), narrow(readWide(rights.subarray(16))));
}

/** @internal */
export function readRoom(input: In): Room {
  const limit = (["writers", "events", "names"] as const)[input.number()] ?? "writers";
  return { limit, used: input.number(), allowed: input.number() };
}

/** @internal */
export function readLargest(input: In): Largest {
  const name = input.option((input) => input.text());
  return { ...(name !== undefined && { name }), key: input.bytes(), bytes: input.number() };
}
