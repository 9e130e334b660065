import { initialise } from "../index.js";
import { base64 } from "./base64.js";

initialise(decoded(base64));

/** Everything is ready at once; this is here so that the same code runs everywhere. */
export const ready: Promise<void> = Promise.resolve();

/** By the engine itself where it can: a loop over half a million bytes takes longer than compiling them. */
function decoded(base64: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (fromBase64 !== undefined) return fromBase64.call(Uint8Array, base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export * from "../index.js";
