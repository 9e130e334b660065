import { CrdtError } from "../index.js";
import type { Link, LinkListener } from "./link.js";

/** The part of `WebSocket` that is needed: other implementations fit, too. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** What can be set. Times are in milliseconds. */
export interface WebSocketOptions {
  /** Makes the connection; `new WebSocket(url)` by default. */
  readonly connect?: (url: string) => Socket;
  /** The first pause before connecting again: 500. It doubles each time, and is drawn between half and all of it. */
  readonly retry?: number;
  /** The longest pause: 30,000. */
  readonly retryMax?: number;
  /** How long opening may take, and how long an open connection may stay silent: 45,000. */
  readonly silence?: number;
  /** How many bytes may wait in the socket: 1 MiB. Then frames wait here. */
  readonly buffered?: number;
  /** How many bytes may wait here: 16 MiB. Then frames are refused: the replica makes them anew later. */
  readonly queued?: number;
}

const OPEN = 1;
/** The other side, or somebody on the way, does not take frames that are so large. */
const TOO_LARGE = 1009;

/**
 * A WebSocket to a server that relays frames or takes part itself. It connects again whenever the connection breaks,
 * and at once when the device comes online.
 */
export class WebSocketLink implements Link {
  readonly name: string;
  readonly #connect: (url: string) => Socket;
  readonly #retry: number;
  readonly #retryMax: number;
  readonly #silence: number;
  readonly #buffered: number;
  readonly #queueMax: number;
  #listener: LinkListener | undefined;
  #socket: Socket | undefined;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queued = 0;
  #failures = 0;
  /** The largest frame that went over this connection. */
  #largest = 0;
  #heard = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drain: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  readonly #online = (): void => {
    if (this.#socket === undefined) this.#begin();
  };

  constructor(url: string, options: WebSocketOptions = {}) {
    this.name = url;
    this.#connect = options.connect ?? ((to) => new WebSocket(to));
    this.#retry = options.retry ?? 500;
    this.#retryMax = options.retryMax ?? 30_000;
    this.#silence = options.silence ?? 45_000;
    this.#buffered = options.buffered ?? 1 << 20;
    this.#queueMax = options.queued ?? 16 << 20;
  }

  open(listener: LinkListener): void {
    this.#listener = listener;
    globalThis.addEventListener?.("online", this.#online);
    this.#begin();
  }

  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket?.readyState !== OPEN || this.#queued + bytes.length > this.#queueMax) return false;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#flush();
    return true;
  }

  close(): void {
    globalThis.removeEventListener?.("online", this.#online);
    this.#listener = undefined;
    this.#drop();
  }

  #begin(): void {
    this.#drop();
    this.#listener?.state("connecting");
    let socket: Socket;
    try {
      socket = this.#connect(this.name);
    } catch (error) {
      return this.#failed(new CrdtError("connection", `cannot connect to ${this.name}`, { cause: error }));
    }
    this.#socket = socket;
    this.#largest = 0;
    socket.binaryType = "arraybuffer";
    const mine = (then: () => void) => (): void => {
      // What a socket tells that was given up does not matter any more.
      if (this.#socket === socket) then();
    };
    const lost = mine(() => this.#lost());
    socket.onopen = mine(() => {
      this.#heard = Date.now();
      this.#listener?.state("open");
    });
    socket.onmessage = (event: { readonly data: unknown }) => mine(() => this.#received(event.data))();
    socket.onerror = lost;
    socket.onclose = (event?: { readonly code?: number }) => mine(() => this.#closed(event?.code))();
    this.#heard = Date.now();
    this.#watch = setInterval(() => {
      if (Date.now() - this.#heard > this.#silence) lost();
    }, this.#silence / 4);
  }

  #lost(): void {
    this.#failed(new CrdtError("connection", `the connection to ${this.name} is lost`));
  }

  #closed(code: number | undefined): void {
    if (code !== TOO_LARGE || this.#largest === 0) return this.#lost();
    const bytes = this.#largest;
    const message = `the connection to ${this.name} was closed for a frame that is too large: the largest had ${bytes} bytes`;
    this.#listener?.tooLarge?.(bytes);
    this.#failed(new CrdtError("too-large", message));
  }

  #received(data: unknown): void {
    this.#heard = Date.now();
    this.#failures = 0;
    if (data instanceof ArrayBuffer) this.#listener?.receive(new Uint8Array(data));
    else if (data instanceof Uint8Array) this.#listener?.receive(data);
  }

  #failed(error: CrdtError): void {
    this.#drop();
    this.#listener?.state("closed", error);
    if (this.#listener === undefined) return;
    const longest = Math.min(this.#retryMax, this.#retry * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    // Drawn, so that not all come back at once to a server that was away.
    this.#timer = setTimeout(() => this.#begin(), longest * (0.5 + Math.random() / 2));
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#drain);
    clearInterval(this.#watch);
    this.#drain = undefined;
    this.#queue = [];
    this.#queued = 0;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Some implementations report an error if they are closed early, and end the program if nobody listens.
    socket.onerror = () => undefined;
    try {
      socket.close();
    } catch {
      // It is gone in any case.
    }
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    while (this.#queue.length > 0 && socket.bufferedAmount <= this.#buffered) {
      const bytes = this.#queue.shift() as Uint8Array<ArrayBuffer>;
      this.#queued -= bytes.length;
      try {
        socket.send(bytes);
        this.#largest = Math.max(this.#largest, bytes.length);
      } catch (error) {
        return this.#failed(new CrdtError("connection", `sending to ${this.name} failed`, { cause: error }));
      }
    }
    if (this.#queue.length === 0 || this.#drain !== undefined) return;
    // Sockets do not tell when they have room again.
    this.#drain = setTimeout(() => {
      this.#drain = undefined;
      this.#flush();
    }, 25);
  }
}
