import { CrdtError } from "./error.js";
import { checkBytes, checkOptions } from "./ids.js";
import { whole } from "./settings.js";
import type { Applied, Store } from "./store.js";

/** How much an inbox holds back. */
export interface InboxOptions {
  /** Bytes of deltas that wait: 1 MiB. Beyond that the oldest are dropped, and come again when they are asked for. */
  readonly bytes?: number;
}

/** What came of a delta, and of those that had waited for it. */
export interface Received extends Applied {
  /** Whether something is missing here: ask the sender for `encodeSince(store.version())`. */
  readonly gap: boolean;
}

/** What can be written to by an inbox: a store, or a value on its own. */
export type Receiver = Pick<Store, "apply">;

/**
 * Takes in deltas of a channel that loses, repeats or reorders. `Store.apply` refuses what builds on events that are not
 * there (`gap`); here it waits for them.
 *
 * Whoever asks for what is missing as often as `gap` says so, and sends its version to the others now and then (the last
 * delta may be the one that was lost), does not stay behind.
 *
 * ```ts
 * store.onUpdate((delta) => channel.send({ delta }));
 * setInterval(() => channel.send({ version: store.version() }), 10_000);
 * const inbox = new Inbox(store);
 * channel.onmessage = ({ delta, version }) => {
 *   if (version) channel.send({ delta: store.encodeSince(version) });
 *   else if (inbox.receive(delta).gap) channel.send({ version: store.version() });
 * };
 * ```
 */
export class Inbox {
  readonly #receiver: Receiver;
  readonly #most: number;
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(receiver: Receiver, options?: InboxOptions) {
    if (typeof receiver?.apply !== "function") throw new CrdtError("invalid-argument", "an inbox has a store");
    this.#receiver = receiver;
    this.#most = whole(checkOptions(options)?.bytes ?? 1 << 20);
  }

  /** How many deltas wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** How many bytes they have. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes in a delta or a state, and what has waited for it; or lets it wait. Costs O(what waits) if it is taken in.
   *
   * @throws {@link CrdtError} what is wrong with the bytes, but for `gap` and `floor`. Nothing has changed then.
   */
  receive(bytes: Uint8Array): Received {
    const applied = this.#apply(checkBytes(bytes));
    if (applied === undefined) {
      this.#hold(bytes);
      return { changed: false, events: 0, keys: 0, gap: true };
    }
    let { events, keys } = applied;
    for (let isNew = applied.changed; isNew; ) {
      isNew = false;
      for (const waiting of this.#waiting.splice(0)) {
        const applied = this.#applyLate(waiting);
        if (applied === undefined) this.#waiting.push(waiting);
        else {
          this.#bytes -= waiting.length;
          isNew ||= applied.changed;
          events += applied.events;
          keys += applied.keys;
        }
      }
    }
    return { changed: events > 0, events, keys, gap: this.#waiting.length > 0 };
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }

  /** Nothing, if it builds on what is not there. */
  #apply(bytes: Uint8Array): Applied | undefined {
    try {
      return this.#receiver.apply(bytes);
    } catch (error) {
      if (error instanceof CrdtError && (error.code === "gap" || error.code === "floor")) return undefined;
      throw error;
    }
  }

  /** What turns out to be wrong with it now is not wrong with what has just arrived: it comes again, if it is needed. */
  #applyLate(bytes: Uint8Array): Applied | undefined {
    try {
      return this.#apply(bytes);
    } catch {
      return { changed: false, events: 0, keys: 0 };
    }
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length > this.#most) return;
    this.#waiting.push(bytes.slice());
    this.#bytes += bytes.length;
    while (this.#bytes > this.#most) this.#bytes -= this.#waiting.shift()!.length;
  }
}
