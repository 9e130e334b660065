import { CrdtError } from "./error.js";

/**
 * What can be kept: the shapes of JSON, and bytes and large integers besides.
 *
 * * A `number` that is a safe integer is an integer, every other one a float. `-0` is `0`, and all `NaN` are one.
 * * A `bigint` has at most 64 bits with its sign. Integers come back as `number` where they are safe, else as `bigint`.
 * * Texts must be well-formed: a lone surrogate has no UTF-8 form, and is refused.
 * * Objects must be plain, without symbols and `undefined`; nesting ends at a depth of 64.
 *
 * Types made with `interface` have no index signature, and so do not fit: use `type`.
 */
export type Data = null | boolean | number | bigint | string | Uint8Array | readonly Data[] | DataObject;

/** A plain object of data. */
export type DataObject = { readonly [key: string]: Data };

const DEPTH_MAX = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;
/** What an array of bytes has, whatever an application has given it for a `length`. */
const lengthOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "length")!.get!;
const MIN_I64 = -(2n ** 63n);
const MAX_I64 = 2n ** 63n - 1n;

/** UTF-8 as text, a byte order mark included. @internal */
export function utf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Whether these are bytes; a proxy of an array is an instance, too, but no view. @internal */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && value instanceof Uint8Array;
}

/** Whether it is an object of data. @internal */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** A list of what is iterated, which may be a value of a store, too. @internal */
export function listOf<T>(items: Iterable<T>): T[] {
  if (typeof items?.[Symbol.iterator] !== "function") throw new CrdtError("invalid-argument", "nothing to iterate over");
  return [...items];
}

/** Writes arguments. One is used for all calls; it grows and stays. @internal */
export class Out {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  #open = false;

  /** Begins again. */
  open(): this {
    this.#open = true;
    this.#length = 0;
    if (this.#bytes.length > 1 << 20) this.#resize(1024);
    return this;
  }

  /** Whether something is being written. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** What was written; valid until the next call. */
  finish(): Uint8Array {
    this.#open = false;
    return this.#bytes.subarray(0, this.#length);
  }

  #resize(length: number): void {
    const bytes = new Uint8Array(length);
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, this.#bytes.length * 2));
  }

  byte(byte: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = byte;
  }

  /** A whole number from 0 on. */
  number(number: number): this {
    this.#room(8);
    while (number > 0x7f) {
      this.#bytes[this.#length++] = (number % 128) | 0x80;
      number = Math.floor(number / 128);
    }
    this.#bytes[this.#length++] = number;
    return this;
  }

  /** A whole number of up to 64 bits. */
  big(number: bigint): this {
    if (number <= 0x1f_ffff_ffff_ffffn) return this.number(Number(number));
    this.#room(10);
    while (number > 0x7fn) {
      this.#bytes[this.#length++] = Number(number & 0x7fn) | 0x80;
      number >>= 7n;
    }
    this.#bytes[this.#length++] = Number(number);
    return this;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    const length = lengthOf.call(bytes);
    this.#room(length);
    if (length > 0) this.#bytes.set(bytes, this.#length);
    this.#length += length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.number(lengthOf.call(bytes)).raw(bytes);
  }

  text(text: string): this {
    if (typeof text !== "string") throw new CrdtError("invalid-argument", "a text is expected");
    const length = text.length;
    this.#room(3 * length + 5);
    if (length < 64) {
      // Short ASCII, the usual case, without leaving JavaScript.
      const bytes = this.#bytes;
      const start = this.#length + 1;
      let at = 0;
      for (; at < length; at++) {
        const code = text.charCodeAt(at);
        if (code > 0x7f) break;
        bytes[start + at] = code;
      }
      if (at === length) {
        bytes[start - 1] = length;
        this.#length = start + length;
        return this;
      }
    }
    if (LONE_SURROGATE.test(text)) throw new CrdtError("invalid-text", "a text has a lone surrogate");
    // The length comes first: it is known once the text is written, and its own length by then, too.
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length + 5));
    const from = this.#length + 5;
    this.number(written);
    this.#bytes.copyWithin(this.#length, from, from + written);
    this.#length += written;
    return this;
  }

  /** A value. Whatever is wrong with it is found here, before anything is written, and told with its place. */
  value(value: unknown): this {
    try {
      return this.#value(value, DEPTH_MAX);
    } catch (thrown) {
      throw thrown instanceof Misplaced ? thrown.told() : thrown;
    }
  }

  #value(value: unknown, depth: number): this {
    switch (typeof value) {
      case "string":
        this.byte(4);
        return this.text(value);
      case "number":
        if (!Number.isSafeInteger(value)) {
          this.#room(9);
          this.#bytes[this.#length] = 3;
          this.#view.setFloat64(this.#length + 1, value, true);
          this.#length += 9;
          return this;
        }
        this.byte(2);
        // Zigzag.
        if (value >= 0x1000_0000_0000 || value < -0x1000_0000_0000) return this.#bigInteger(BigInt(value));
        return this.number(value < 0 ? -2 * value - 1 : 2 * value);
      case "boolean":
        this.byte(1);
        this.byte(value ? 1 : 0);
        return this;
      case "bigint":
        if (value < MIN_I64 || value > MAX_I64) throw new CrdtError("out-of-range", "a bigint has more than 64 bits");
        this.byte(2);
        return this.#bigInteger(value);
      case "object":
        return this.#object(value, depth);
      default:
        throw new CrdtError("invalid-value", `${value === undefined ? "" : "a "}${typeof value} cannot be kept`);
    }
  }

  #bigInteger(value: bigint): this {
    return this.big(value < 0n ? -2n * value - 1n : 2n * value);
  }

  #object(value: object | null, depth: number): this {
    if (value === null) {
      this.byte(0);
      return this;
    }
    if (isBytes(value)) {
      this.byte(5);
      return this.bytes(value);
    }
    if (depth === 0) throw new CrdtError("too-deep", "lists and objects are nested more than 64 deep");
    if (Array.isArray(value)) {
      this.byte(6);
      // Asked once: what stands in it may be getters, which change it. A hole is undefined, and refused.
      const { length } = value;
      this.number(length);
      let at = 0;
      try {
        for (; at < length; at++) this.#value(value[at], depth - 1);
      } catch (thrown) {
        throw inside(thrown, `[${at}]`);
      }
      return this;
    }
    if (!isPlain(value)) throw new CrdtError("invalid-value", "only plain objects, arrays and Uint8Array can be kept");
    if (Object.getOwnPropertySymbols(value).length > 0) {
      throw new CrdtError("invalid-value", "an object has symbols as keys");
    }
    const keys = Object.keys(value);
    this.byte(7);
    this.number(keys.length);
    for (const key of keys) {
      try {
        this.text(key);
        this.#value((value as Record<string, unknown>)[key], depth - 1);
      } catch (thrown) {
        throw inside(thrown, step(key));
      }
    }
    return this;
  }
}

/** What is wrong with a member of a value, on its way out to the value. */
class Misplaced {
  path = "";
  readonly #error: CrdtError;

  constructor(error: CrdtError) {
    this.#error = error;
  }

  told(): CrdtError {
    const { path } = this;
    const shown = path.length > 240 ? `${path.slice(0, 120)} … ${path.slice(-120)}` : path;
    return new CrdtError(this.#error.code, `value${shown}: ${this.#error.message}`, { cause: this.#error.cause });
  }
}

/** What was thrown for a member; what an application's getter throws stays as it is. */
function inside(thrown: unknown, step: string): unknown {
  const misplaced = thrown instanceof CrdtError ? new Misplaced(thrown) : thrown;
  if (misplaced instanceof Misplaced) misplaced.path = step + misplaced.path;
  return misplaced;
}

const IDENTIFIER = /^[A-Za-z_$][\w$]{0,63}$/;

function step(key: string): string {
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 64))}]`;
}

/** So many bytes are decoded at once. A text may keep them all in memory, so they are not many. */
const WINDOW = 4096;
/** Of an answer with fewer bytes each text is decoded by itself. */
const SHORT = 256;
/** Longer texts are decoded by themselves. */
const LONG = 512;
/** A window that is good for fewer texts was not worth decoding: there are bytes between them, or other scripts. */
const WORTH = 4;

/** Reads answers. @internal */
export class In {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** What is between `#from` and `#to`, decoded with all that stands between the texts; empty if it is not all ASCII. */
  #window = "";
  #from = 0;
  #to = 0;
  /** How many texts the last window was good for, until that is judged. */
  #served: number | undefined;
  /** Windows that were not worth it are followed by pauses that double. */
  #pause = 0;
  #next = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new CrdtError("internal", "an answer ends too early");
    return byte;
  }

  flag(): boolean {
    return this.byte() === 1;
  }

  /** A whole number; beyond 2^53 it is not exact. */
  number(): number {
    const first = this.#bytes[this.#at]!;
    if (first < 0x80) {
      this.#at += 1;
      return first;
    }
    let number = 0;
    let factor = 1;
    for (;;) {
      const byte = this.byte();
      number += (byte & 0x7f) * factor;
      if (byte < 0x80) return number;
      factor *= 128;
    }
  }

  #zigzag(): number | bigint {
    const start = this.#at;
    const number = this.number();
    if (number <= Number.MAX_SAFE_INTEGER) return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
    let big = 0n;
    let shift = 0n;
    for (let at = start; at < this.#at; at++, shift += 7n) big |= BigInt((this.#bytes[at] ?? 0) & 0x7f) << shift;
    const value = (big & 1n) === 0n ? big >> 1n : -((big + 1n) >> 1n);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  /** A copy of the next bytes. */
  bytes(): Uint8Array {
    const length = this.number();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.slice(start, this.#at);
  }

  /** A copy of all that is left. */
  rest(): Uint8Array {
    const start = this.#at;
    this.#at = this.#bytes.length;
    return this.#bytes.slice(start);
  }

  /**
   * Decodes what comes next at once, which is several times as fast as one text after the other. If there are as many
   * characters as bytes, none of the texts has anything but ASCII: what takes several bytes would be one character.
   */
  #look(start: number): void {
    if (this.#served !== undefined && this.#served < WORTH) {
      this.#served = undefined;
      this.#pause = 2 * this.#pause + WINDOW;
      this.#next = start + this.#pause;
      return;
    }
    if (this.#served !== undefined) this.#pause = 0;
    this.#served = 0;
    const bytes = this.#bytes.subarray(start, start + WINDOW);
    const window = decoder.decode(bytes);
    this.#window = window.length === bytes.length ? window : "";
    this.#from = start;
    this.#to = start + bytes.length;
  }

  text(): string {
    const length = this.number();
    const bytes = this.#bytes;
    const start = this.#at;
    const end = start + length;
    this.#at = end;
    if (end > this.#to && start >= this.#next && length <= LONG && bytes.length > SHORT) this.#look(start);
    if (end <= this.#to && this.#window !== "") {
      if (this.#served !== undefined) this.#served += 1;
      return this.#window.substring(start - this.#from, end - this.#from);
    }
    if (length < 32 && end <= bytes.length) {
      // Short ASCII, the usual case, four at a time: several times as fast as a decoder.
      let text = "";
      let seen = 0;
      let at = start;
      for (; at + 4 <= end; at += 4) {
        const a = bytes[at]!;
        const b = bytes[at + 1]!;
        const c = bytes[at + 2]!;
        const d = bytes[at + 3]!;
        seen |= a | b | c | d;
        text += String.fromCharCode(a, b, c, d);
      }
      for (; at < end; at++) {
        seen |= bytes[at]!;
        text += String.fromCharCode(bytes[at]!);
      }
      if (seen < 0x80) return text;
    }
    return decoder.decode(bytes.subarray(start, end));
  }

  option<T>(read: (input: In) => T): T | undefined {
    return this.flag() ? read(this) : undefined;
  }

  value(): Data {
    switch (this.byte()) {
      case 0:
        return null;
      case 1:
        return this.flag();
      case 2:
        return this.#zigzag();
      case 3: {
        const { buffer, byteOffset } = this.#bytes;
        this.#at += 8;
        return new DataView(buffer, byteOffset).getFloat64(this.#at - 8, true);
      }
      case 4:
        return this.text();
      case 5:
        return this.bytes();
      case 6: {
        const list: Data[] = [];
        for (let left = this.number(); left > 0; left--) list.push(this.value());
        return list;
      }
      case 7: {
        const object: Record<string, Data> = {};
        for (let left = this.number(); left > 0; left--) define(object, this.text(), this.value());
        return object;
      }
      default:
        throw new CrdtError("internal", "a value of an unknown sort");
    }
  }
}

/** A whole number of 128 bits with its sign. @internal */
export function readWide(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return (view.getBigInt64(8, true) << 64n) + view.getBigUint64(0, true);
}

/** Sets a property, also one that is called `__proto__`. @internal */
export function define<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

/** Data as JSON has it: what it has no form for is an object with one key, as in the Rust crate. @internal */
export function toJson(data: Data): unknown {
  if (typeof data === "bigint") return { $integer: data.toString() };
  if (typeof data === "number" && !Number.isFinite(data)) return { $float: String(data) };
  if (typeof data !== "object" || data === null) return data;
  if (data instanceof Uint8Array) {
    return { $bytes: Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  }
  if (Array.isArray(data)) return data.map((item: Data) => toJson(item));
  const object: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data)) define(object, key, toJson(value as Data));
  return Object.keys(object).some((key) => key.startsWith("$")) ? { $map: object } : object;
}
