import { CrdtError } from "./error.js";
import { type Applied, Store } from "./store.js";
import { checkBytes, checkOptions } from "./ids.js";

/** How much may wait. */
export interface InboxOptions {
  /** How many bytes of deltas may wait: 16 MiB. */
  readonly bytes?: number;
}

/** What became of a delta. */
export interface Received extends Applied {
  /** Whether something is missing now: ask a sender for `encodeSince(store.version())`, and pass that to `receive`. */
  readonly gap: boolean;
}

/**
 * Takes in deltas of `onUpdate` over a channel that loses, repeats or reorders them: one that builds on what has not come
 * yet waits for it. A delta that is lost is never sent again by itself, so whoever sees a `gap` asks:
 *
 * ```ts
 * const inbox = new Inbox(store);
 * channel.onmessage = ({ data }) => {
 *   if (data.version) return channel.postMessage({ delta: store.encodeSince(data.version) });
 *   if (inbox.receive(data.delta).gap) channel.postMessage({ version: store.version() });
 * };
 * store.onUpdate((delta) => channel.postMessage({ delta }));
 * channel.postMessage({ version: store.version() }); // and from time to time: what was lost last leaves no gap
 * ```
 *
 * `Sync` does all of this, and more, by itself.
 */
export class Inbox {
  readonly #store: Store;
  readonly #most: number;
  /** In the order in which they came. */
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(store: Store, options?: InboxOptions) {
    if (!(store instanceof Store)) throw new CrdtError("invalid-argument", "an inbox has a store");
    this.#store = store;
    this.#most = checkOptions(options)?.bytes ?? 16 << 20;
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes in a delta or a state, and all that waited for it. One that must wait and has no room is dropped: the answer to
   * the question that a `gap` asks for brings what it says, too.
   *
   * @throws {@link CrdtError} for what the bytes are not, and where something that waited goes beyond a limit. What was
   * taken in before stays, and what waits goes on waiting.
   */
  receive(bytes: Uint8Array): Received {
    const first = this.#attempt(checkBytes(bytes));
    if (first === undefined) {
      // The caller may use its bytes for something else.
      if (this.#bytes + bytes.length <= this.#most) this.#wait(bytes.slice());
      return { changed: false, events: 0, keys: 0, gap: true };
    }
    let { events, keys } = first;
    for (let isNew = first.changed; isNew && this.#waiting.length > 0; ) {
      isNew = false;
      const waiting = this.#waiting;
      [this.#waiting, this.#bytes] = [[], 0];
      while (waiting.length > 0) {
        // One that is refused for another reason is not kept; the others are.
        const delta = waiting.shift()!;
        let applied: Applied | undefined;
        try {
          applied = this.#attempt(delta);
        } catch (error) {
          for (const other of waiting) this.#wait(other);
          throw error;
        }
        if (applied === undefined) this.#wait(delta);
        else [events, keys, isNew] = [events + applied.events, keys + applied.keys, isNew || applied.changed];
      }
    }
    return { changed: events > 0, events, keys, gap: this.#waiting.length > 0 };
  }

  #wait(delta: Uint8Array): void {
    this.#waiting.push(delta);
    this.#bytes += delta.length;
  }

  /** Nothing, if it must wait. */
  #attempt(delta: Uint8Array): Applied | undefined {
    try {
      return this.#store.apply(delta);
    } catch (error) {
      if (error instanceof CrdtError && (error.code === "gap" || error.code === "floor")) return undefined;
      throw error;
    }
  }
}
