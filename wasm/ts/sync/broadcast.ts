import type { Link, LinkListener } from "./link.js";

/** Connects the tabs of one origin with each other, without a server. */
export class BroadcastLink implements Link {
  readonly name: string;
  #channel: BroadcastChannel | undefined;

  /** @param name one for each store. */
  constructor(name: string) {
    this.name = name;
  }

  open(listener: LinkListener): void {
    const channel = new BroadcastChannel(this.name);
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof Uint8Array) listener.receive(data);
    };
    this.#channel = channel;
    listener.state("open");
  }

  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    try {
      this.#channel?.postMessage(bytes);
      return this.#channel !== undefined;
    } catch {
      // Closed, or no memory for the copy.
      return false;
    }
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}
