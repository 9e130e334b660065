import { CrdtError, type Unsubscribe } from "../index.js";

const encoder = new TextEncoder();

/** What others show: name, colour, cursor, whatever is small. Never stored. */
export interface PresenceOptions {
  /** How long the others are shown without being heard, in milliseconds: 90,000. Hidden tabs speak once a minute. */
  readonly expire?: number;
  /**
   * How many others are shown: 1,024. Those who are there stay; who comes after that is shown as soon as somebody goes.
   * With `bytes` it bounds the memory: 4 MiB.
   */
  readonly peers?: number;
  /** How long the JSON may be, in bytes: 4,096. */
  readonly bytes?: number;
}

/** Somebody. */
export interface Present<T = unknown> {
  readonly peer: string;
  /** Made by them: look at it before it is believed. */
  readonly state: T;
}

/**
 * Who is there, and what they show. It is sent around and forgotten: never in the store, never on a disk, gone after a
 * while of silence.
 */
export class Presence {
  readonly #expire: number;
  readonly #peersMax: number;
  readonly #bytesMax: number;
  readonly #peers = new Map<string, { readonly present: Present; readonly heard: number; readonly over: unknown }>();
  readonly #callbacks = new Set<() => void>();
  readonly #send: () => void;
  #own: Uint8Array | undefined;
  #state: unknown;
  #snapshot: readonly Present[] | undefined;

  /** @internal */
  constructor(options: PresenceOptions, send: () => void) {
    this.#expire = options.expire ?? 90_000;
    this.#peersMax = options.peers ?? 1_024;
    this.#bytesMax = options.bytes ?? 4_096;
    this.#send = send;
  }

  /**
   * Shows this to the others; `undefined` shows nothing any more.
   *
   * @throws {@link CrdtError} `too-large`, or `invalid-value` if it has no JSON. Others go on seeing what they saw.
   */
  set(state: unknown): void {
    this.#own = state === undefined ? new Uint8Array() : this.#encode(state);
    this.#state = state;
    this.#send();
  }

  /** What this one shows. */
  get own(): unknown {
    return this.#state;
  }

  /** The others, in the order of their ids. The same object until something changes. */
  snapshot(): readonly Present[] {
    this.#snapshot ??= [...this.#peers.values()]
      .map(({ present }) => present)
      .sort((a, b) => (a.peer < b.peer ? -1 : 1));
    return this.#snapshot;
  }

  /** Calls back when others come, go, or show something else. */
  subscribe(callback: () => void): Unsubscribe {
    const entry = (): void => callback();
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  #encode(state: unknown): Uint8Array {
    let text: string | undefined;
    try {
      text = JSON.stringify(state);
    } catch (cause) {
      throw new CrdtError("invalid-value", "what is shown has no JSON", { cause });
    }
    if (text === undefined) throw new CrdtError("invalid-value", "what is shown has no JSON");
    const bytes = encoder.encode(text);
    if (bytes.length > this.#bytesMax) {
      throw new CrdtError("too-large", `what is shown has ${bytes.length} bytes of ${this.#bytesMax}`);
    }
    return bytes;
  }

  /** @internal What is to be sent, if there is anything. */
  get content(): Uint8Array | undefined {
    return this.#own;
  }

  /** @internal What the others show, as it is sent. */
  all(): { readonly peer: string; readonly content: Uint8Array }[] {
    return this.snapshot().map(({ peer, state }) => ({ peer, content: encoder.encode(JSON.stringify(state)) }));
  }

  /** @internal Somebody shows something, over a link. What cannot be read is passed over. */
  receive(peer: string, content: Uint8Array, now: number, over?: unknown): void {
    if (content.length === 0) return this.remove(peer);
    if (content.length > this.#bytesMax) return;
    let state: unknown;
    try {
      state = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
    } catch {
      return;
    }
    const before = this.#peers.get(peer);
    if (before === undefined && this.#peers.size >= this.#peersMax) {
      this.expire(now);
      // Nobody is pushed out by who comes later: all would come and go in turns.
      if (this.#peers.size >= this.#peersMax) return;
    }
    this.#peers.delete(peer);
    if (before !== undefined && JSON.stringify(before.present.state) === JSON.stringify(state)) {
      this.#peers.set(peer, { present: before.present, heard: now, over });
      return;
    }
    this.#peers.set(peer, { present: { peer, state }, heard: now, over });
    this.#changed();
  }

  /** @internal */
  remove(peer: string): void {
    if (this.#peers.delete(peer)) this.#changed();
  }

  /** @internal Forgets who was heard over a link that is gone. */
  removeOver(link: unknown): void {
    for (const [peer, { over }] of this.#peers) if (over === link) this.remove(peer);
  }

  /** @internal Forgets who was silent for long. */
  expire(now: number): void {
    // Those heard last are last.
    for (const [peer, { heard }] of this.#peers) {
      if (now - heard <= this.#expire) break;
      this.remove(peer);
    }
  }

  #changed(): void {
    this.#snapshot = undefined;
    for (const callback of this.#callbacks) {
      try {
        callback();
      } catch (error) {
        // As an event listener that throws: the page is told, the others are called.
        reportLater(error);
      }
    }
  }
}

/** Throws where nothing else is interrupted. */
export function reportLater(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else queueMicrotask(() => {
    throw error;
  });
}
