import { CrdtError, type Replica, type Unsubscribe } from "../index.js";
import { decodeFrame, encodeFrame, type Frame, FrameKind, HEADER, helloOf, readHello } from "./frame.js";
import type { Link, LinkState } from "./link.js";
import { type Presence, reportLater } from "./presence.js";
import type { LinkStatus } from "./status.js";

/** What the switchboard needs of the one who uses it. */
export interface Operator {
  readonly storeId: string;
  /** How long others may be silent. */
  readonly silence: number;
  /** Whether to pass on what is for others. */
  readonly isRelay: boolean;
  readonly presence: Presence;
  /** The replica that takes part now. */
  replica(): Replica;
  /** A message arrived. */
  message(from: string, bytes: Uint8Array): void;
  /** Others know this one no more: it has to come back under another name. */
  refused(): void;
  /** Who is there, or how a link is, has changed. */
  changed(): void;
  problem(error: CrdtError): void;
  /** Runs what was called from outside. */
  guard(work: () => void): void;
}

/** A link and who is behind it. */
interface Line {
  readonly link: Link;
  state: LinkState;
  error: CrdtError | undefined;
  /** The one who speaks there, if only one may. */
  only: string | undefined;
}

const NOTHING = new Uint8Array();

/** Links and who was met over them: frames in, frames out. */
export class Switchboard {
  readonly #operator: Operator;
  readonly #lines = new Set<Line>();
  readonly #peers = new Map<string, { readonly line: Line; heard: number }>();
  sent = 0;
  received = 0;

  constructor(operator: Operator) {
    this.#operator = operator;
  }

  attach(link: Link): Unsubscribe {
    const { guard } = this.#operator;
    const line: Line = { link, state: "connecting", error: undefined, only: undefined };
    this.#lines.add(line);
    try {
      link.open({
        state: (state, error) => guard(() => this.#lineIs(line, state, error)),
        receive: (bytes) => guard(() => this.#receive(line, bytes)),
        tooLarge: (bytes) => guard(() => this.#tooLarge(line, bytes)),
      });
    } catch (cause) {
      const error = new CrdtError("connection", "the link cannot be opened", { cause });
      guard(() => this.#lineIs(line, "closed", error));
    }
    return () => {
      if (!this.#lines.delete(line)) return;
      this.#send(line, FrameKind.Bye, undefined, NOTHING);
      guard(() => this.#leaveAll(line));
      close(link);
      this.#operator.changed();
    };
  }

  /** Ends all links. */
  close(): void {
    for (const { link } of this.#lines) close(link);
    this.#lines.clear();
    this.#peers.clear();
  }

  links(): LinkStatus[] {
    return [...this.#lines].map(({ link: { name }, state, error }) => ({ name, state, ...(error && { error }) }));
  }

  /** Who is there, and by which link. */
  peers(): { readonly peer: string; readonly link: string }[] {
    return [...this.#peers].map(([peer, { line }]) => ({ peer, link: line.link.name }));
  }

  /** Sends a message of the replica. Without a way it is lost, and made anew when there is one. */
  message(to: string, bytes: Uint8Array): void {
    const line = this.#peers.get(to)?.line;
    if (line !== undefined) this.#send(line, FrameKind.Message, to, bytes);
  }

  /** Says that this one is here, and forgets who has not said so for long. */
  announce(time: number): void {
    for (const [peer, { heard }] of this.#peers) if (time - heard > this.#operator.silence) this.#leave(peer);
    this.greetAll(false);
    this.show();
  }

  /** Says that this one is here; with `answer` all shall say the same. */
  greetAll(answer: boolean): void {
    for (const line of this.#lines) this.#hello(line, undefined, answer);
  }

  /** Shows to all what this one shows. */
  show(): void {
    for (const line of this.#lines) this.#showOn(line);
  }

  sayBye(): void {
    for (const line of this.#lines) this.#send(line, FrameKind.Bye, undefined, NOTHING);
  }

  /** Forgets all, as a new replica has to. */
  forget(): void {
    for (const line of this.#lines) this.#leaveAll(line);
  }

  #lineIs(line: Line, state: LinkState, error: CrdtError | undefined): void {
    line.state = state;
    if (state !== "connecting") line.error = error;
    line.only = undefined;
    this.#leaveAll(line);
    if (state === "open") {
      this.#hello(line, undefined, true);
      this.#showOn(line);
    }
    // Those who were there may be reached another way, too.
    if (state === "closed") this.greetAll(true);
    this.#operator.changed();
  }

  /** Nobody behind the line gets messages of that length. */
  #tooLarge(line: Line, bytes: number): void {
    const replica = this.#operator.replica();
    for (const [peer, known] of this.#peers) if (known.line === line) replica.undelivered(peer, bytes - HEADER);
  }

  #receive(line: Line, bytes: Uint8Array): void {
    this.received += bytes.length;
    const { me } = this.#operator.replica();
    const frame = decodeFrame(bytes);
    if (frame === undefined || frame.from === me) return;
    if (this.#operator.isRelay) {
      // Nobody speaks for others.
      line.only ??= frame.from;
      if (line.only !== frame.from) return;
      this.#passOn(line, frame, bytes);
    }
    if (frame.to !== undefined && frame.to !== me) return;
    const peer = this.#peers.get(frame.from);
    if (peer !== undefined) peer.heard = now();
    switch (frame.kind) {
      case FrameKind.Hello:
        return this.#greeted(line, frame);
      case FrameKind.Message:
        if (this.#meet(line, frame.from)) this.#operator.message(frame.from, frame.content);
        return;
      case FrameKind.Presence:
        return this.#operator.presence.receive(frame.from, frame.content, now(), line);
      case FrameKind.Bye:
        this.#operator.presence.remove(frame.from);
        return this.#leave(frame.from);
      case FrameKind.Refused:
        return this.#operator.refused();
    }
  }

  #greeted(line: Line, { from, content }: Frame): void {
    const hello = readHello(content);
    if (hello === undefined || hello.storeId !== this.#operator.storeId) return;
    // Who came back another way is not waited for on the old one, which may not have broken yet.
    const before = this.#peers.get(from)?.line;
    if (hello.answer && before !== undefined && before !== line) this.#leave(from);
    if (!this.#meet(line, from) || !hello.answer) return;
    this.#hello(line, from, false);
    this.#showOn(line);
    if (this.#operator.isRelay) this.#showOthers(line, from);
  }

  /** Takes somebody as a member, or says that this is not possible. */
  #meet(line: Line, peer: string): boolean {
    if (this.#peers.has(peer)) return true;
    try {
      // Pages come and go under names that are drawn anew: they count for nothing, and make room for each other.
      const replica = this.#operator.replica();
      replica.join(peer, "observer");
      replica.connected(peer);
    } catch (error) {
      if (!(error instanceof CrdtError)) throw error;
      this.#operator.problem(error);
      this.#send(line, FrameKind.Refused, peer, NOTHING);
      return false;
    }
    this.#peers.set(peer, { line, heard: now() });
    this.#operator.changed();
    return true;
  }

  #leave(peer: string): void {
    const known = this.#peers.get(peer);
    if (known === undefined) return;
    this.#peers.delete(peer);
    this.#operator.replica().disconnected(peer);
    if (this.#operator.isRelay) {
      this.#operator.presence.remove(peer);
      this.#passOn(known.line, { kind: FrameKind.Bye, from: peer, to: undefined, content: NOTHING });
    }
    this.#operator.changed();
  }

  #leaveAll(line: Line): void {
    for (const [peer, known] of this.#peers) if (known.line === line) this.#leave(peer);
    this.#operator.presence.removeOver(line);
  }

  #hello(line: Line, to: string | undefined, answer: boolean): void {
    this.#send(line, FrameKind.Hello, to, helloOf(this.#operator.storeId, answer));
  }

  #showOn(line: Line): void {
    const { content } = this.#operator.presence;
    if (content !== undefined) this.#send(line, FrameKind.Presence, undefined, content);
  }

  /** What the others show who are behind other links. */
  #showOthers(line: Line, to: string): void {
    for (const { peer, content } of this.#operator.presence.all()) {
      if (peer !== to) this.#put(line, encodeFrame({ kind: FrameKind.Presence, from: peer, to, content }));
    }
  }

  #send(line: Line, kind: FrameKind, to: string | undefined, content: Uint8Array): void {
    this.#put(line, encodeFrame({ kind, from: this.#operator.replica().me, to, content }));
  }

  #put(line: Line, bytes: Uint8Array<ArrayBuffer>): void {
    if (line.state !== "open") return;
    try {
      if (line.link.send(bytes)) this.sent += bytes.length;
    } catch (cause) {
      this.#operator.problem(new CrdtError("connection", "the link cannot send", { cause }));
    }
  }

  #passOn(from: Line, frame: Frame, bytes: Uint8Array = encodeFrame(frame)): void {
    const isForAll = frame.to === undefined && (frame.kind === FrameKind.Presence || frame.kind === FrameKind.Bye);
    const to = frame.to === undefined ? undefined : this.#peers.get(frame.to)?.line;
    for (const line of this.#lines) if (line !== from && (isForAll || line === to)) this.#put(line, bytes.slice());
  }
}

/** Ends a link, whatever it thinks of that. */
function close(link: Link): void {
  try {
    link.close();
  } catch (error) {
    reportLater(error);
  }
}

/** A clock that does not jump: for times of the protocol, not of writes. */
export function now(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}
