import type { CrdtError } from "../index.js";

/** How a link is. */
export type LinkState = "connecting" | "open" | "closed";

/** What a link tells the one who uses it. */
export interface LinkListener {
  /** It opened, broke, or tries again. Who was there is gone then. */
  state(state: LinkState, error?: CrdtError): void;
  /** Something arrived. */
  receive(bytes: Uint8Array): void;
  /** A frame of so many bytes, which is lost, was too large for somebody on the way. Smaller ones are tried. */
  tooLarge?(bytes: number): void;
}

/**
 * A way to others: a connection, a channel, a network. It may lose, repeat and reorder what it is given, but not change it,
 * and nothing that it is given is needed twice.
 */
export interface Link {
  /** For people: where it leads. */
  readonly name: string;
  /** Begins. It goes on trying until `close`. */
  open(listener: LinkListener): void;
  /** Sends, or says that it did not: not connected, or too much is waiting already. Does not throw. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Ends for good. */
  close(): void;
}
