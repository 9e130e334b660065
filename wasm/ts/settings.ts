import { CrdtError } from "./error.js";
import type { Out } from "./wire.js";

/** Checks a whole number. @internal */
export function whole(number: number): number {
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new CrdtError("invalid-argument", "a whole number from 0 on is expected");
  }
  return number;
}

/** Writes what is given of some settings, in their order. @internal */
export function putSettings<Name extends string>(
  written: Out,
  settings: readonly Name[],
  given: { readonly [name in Name]?: number },
): Out {
  const unknown = Object.keys(given).find((name) => !settings.some((setting) => setting === name));
  if (unknown !== undefined) throw new CrdtError("invalid-argument", `a setting is not known: ${unknown}`);
  for (const name of settings) {
    const value = given[name];
    if (value === undefined) written.number(0);
    else written.number(1).number(whole(value));
  }
  return written;
}
