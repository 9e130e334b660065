import { CrdtError } from "./error.js";
import { isBytes } from "./wire.js";

/** Whether these are bytes. @internal */
export function checkBytes(bytes: Uint8Array): Uint8Array {
  if (!isBytes(bytes)) throw new CrdtError("invalid-argument", "a Uint8Array is expected");
  return bytes;
}

/** Whether this can be called back. @internal */
export function checkCallback<T>(callback: T): T {
  if (typeof callback !== "function") throw new CrdtError("invalid-argument", "a function is expected");
  return callback;
}

/** Options, which may be left out or null. @internal */
export function checkOptions<T extends object>(options: T | undefined): T | undefined {
  if (typeof options === "object" || options === undefined) return options ?? undefined;
  throw new CrdtError("invalid-argument", "options are an object");
}

/** @internal */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A new UUID of version 4. @internal */
export function randomUuid(): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @internal */
export function parseUuid(text: string): Uint8Array {
  if (typeof text !== "string" || !UUID.test(text)) throw new CrdtError("invalid-id", "not a UUID in lower case");
  const digits = text.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16));
}

/** The text form of a UUID. @internal */
export function formatUuid(bytes: Uint8Array): string {
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
