import { CrdtError } from "./error.js";
import { Shown } from "./handles.js";
import { checkOptions, parseUuid } from "./ids.js";
import { Read, Write } from "./names.js";
import type { Store } from "./store.js";
import { type In, listOf, type Out } from "./wire.js";

/** Who claims, and with whom. */
export interface ClaimsOptions {
  /**
   * This member's name, a UUID. It keeps it only as long as it keeps its value: when that is lost, or a copy of it writes
   * as well, it comes back under a new name. By default the id that the store writes under (`Store.replica`).
   */
  readonly me?: string;
  /** All members, this one included: UUIDs. Everyone has to name the same ones. Without, claims can only be listed. */
  readonly members?: readonly string[];
}

/** Whose a resource is. */
export type Seat =
  /** Nobody's: it can be claimed. */
  | { readonly state: "free" }
  /** Not every member has answered yet: another claim may turn out to be earlier. */
  | { readonly state: "tentative"; readonly holder: string; readonly round: number }
  /** For good, until its holder releases it. The round grows with each holder: a fencing token. */
  | { readonly state: "confirmed"; readonly holder: string; readonly round: number }
  /** This member has made statements that exclude each other: its name is in use twice. */
  | { readonly state: "contested"; readonly member: string };

/** A claim that was not released: tentative, confirmed or lost. */
export type Claim = { readonly resource: string; readonly member: string; readonly round: number };

/**
 * Reservations of what only one can have: seats, rooms, drivers. Claimed at once anywhere, confirmed when every member
 * has answered.
 *
 * Of concurrent claims the earliest is confirmed, and the others are lost; nobody is told that a claim is confirmed that
 * is not. As long as a member is away, claims stay tentative. Every member calls `acknowledge()`, or `step()` of its
 * {@link Reservations}, when it has taken in something new. Claims cannot be removed, only released.
 *
 * ```ts
 * const seats = store.claims("seats", { me, members });
 * seats.claim("12A");
 * seats.seat("12A"); // { state: "tentative", holder: me, round: 0 }
 * // … when all have answered:
 * seats.seat("12A"); // { state: "confirmed", holder: …, round: 0 }
 * ```
 */
export class ClaimsHandle extends Shown<readonly Claim[]> {
  override readonly kind = "claims";
  /** This member's name. */
  readonly me: string;
  /** All members, if they were named. */
  readonly members: readonly string[] | undefined;

  /** @internal */
  constructor(store: Store, name: string, options?: ClaimsOptions) {
    super(store, name);
    const { me, members } = checkOptions(options) ?? {};
    this.me = me ?? store.replica;
    this.members = members && listOf(members);
    [this.me, ...(this.members ?? [])].forEach(parseUuid);
  }

  /**
   * Claims a resource, if it is free as far as is known here. The claim is tentative until all members have answered.
   *
   * @throws {@link CrdtError} `taken` if it is claimed, `contested` if a member's name is in use twice, `not-member` if
   * this one is not among the members, `invalid-argument` if none were named. Nothing has changed then.
   */
  claim(resource: string): void {
    this.write(Write.ClaimsClaim, this.#mine().text(text(resource)));
  }

  /** Gives up a claim, confirmed or not. Says whether there was one. */
  release(resource: string): boolean {
    return this.write(Write.ClaimsRelease, this.#mine([]).text(text(resource))) > 0;
  }

  /** Answers all claims that this member has not answered yet. Says whether there were any. */
  acknowledge(): boolean {
    return this.write(Write.ClaimsAcknowledge, this.#mine()) > 0;
  }

  /** Whose a resource is. */
  seat(resource: string): Seat {
    const input = this.read(Read.ClaimsSeats, this.#mine().text(text(resource)));
    input.text();
    return readSeat(input);
  }

  /** All resources that were ever claimed, in the order of the dots, and whose they are. */
  seats(): Map<string, Seat> {
    const input = this.read(Read.ClaimsSeats, this.#mine());
    const seats = new Map<string, Seat>();
    while (!input.isAtEnd) seats.set(input.text(), readSeat(input));
    return seats;
  }

  /** All claims that were not released, in the order of the dots: the same on all replicas. */
  standing(): Claim[] {
    const input = this.read(Read.ClaimsStanding);
    const claims: Claim[] = [];
    while (!input.isAtEnd) claims.push({ resource: input.text(), member: input.text(), round: input.number() });
    return claims;
  }

  /** The round in which this member claims a resource, and has not released it. */
  claimed(resource: string): number | undefined {
    return this.read(Read.ClaimsClaimed, this.args().text(this.me).text(text(resource))).option((input) => input.number());
  }

  #mine(members = this.members): Out {
    if (members === undefined) {
      throw new CrdtError("invalid-argument", "whose it is depends on who the members are: name them");
    }
    return members.reduce((out, member) => out.text(member), this.args().text(this.me).number(members.length));
  }

  protected override shown(): readonly Claim[] {
    return this.standing();
  }

  override toJSON(): unknown {
    return this.standing();
  }
}

/** What became of a claim of this member. */
export type Reservation =
  /** All members have answered, and it is this member's. */
  | { readonly outcome: "confirmed"; readonly resource: string; readonly round: number }
  /** All members have answered, and another one's claim is earlier. `holder` is undefined if that one has released it. */
  | { readonly outcome: "lost"; readonly resource: string; readonly round: number; readonly holder: string | undefined }
  /** A member's name is in use twice: people have to settle it. */
  | { readonly outcome: "contested"; readonly resource: string; readonly member: string };

/**
 * The reservations of one member: it answers the claims of others, and tells what became of its own.
 *
 * ```ts
 * const desk = new Reservations(store.claims("seats", { me, members }));
 * desk.claim("12A");
 * store.subscribe(() => desk.step().forEach(tell)); // after anything was taken in
 * ```
 *
 * After a restart, a new one waits for the outcome of every claim of this member that stands, also of those that were
 * told before.
 */
export class Reservations {
  /** The claims. */
  readonly claims: ClaimsHandle;
  /** My claims whose outcome has not been told, with their rounds. */
  #waiting: Claim[];

  constructor(claims: ClaimsHandle) {
    if (!(claims instanceof ClaimsHandle)) throw new CrdtError("invalid-argument", "reservations are made of claims");
    this.claims = claims;
    this.#waiting = claims.standing().filter(({ member }) => member === claims.me);
  }

  /** Claims a resource: see {@link ClaimsHandle.claim}. What becomes of it is told by `step`. */
  claim(resource: string): void {
    const { store, me } = this.claims;
    // Whoever is told of it and steps finds it waiting.
    store.batch(() => {
      this.claims.claim(resource);
      this.#waiting.push({ resource, member: me, round: this.claims.claimed(resource) ?? 0 });
    });
  }

  /** Gives up a claim, confirmed or not. Says whether there was one. */
  release(resource: string): boolean {
    this.#waiting = this.#waiting.filter((claim) => claim.resource !== resource);
    return this.claims.release(resource);
  }

  /** Answers the claims of others, and tells what became of own ones. Writes nothing when nothing is new. */
  step(): Reservation[] {
    const told: Reservation[] = [];
    this.claims.store.batch(() => {
      this.claims.acknowledge();
      this.#waiting = this.#waiting.filter((claim) => {
        const outcome = this.#outcome(claim);
        if (outcome !== undefined) told.push(outcome);
        return outcome === undefined;
      });
    });
    return told;
  }

  #outcome({ resource, round }: Claim): Reservation | undefined {
    const seat = this.claims.seat(resource);
    if (seat.state === "contested") return { outcome: "contested", resource, member: seat.member };
    if (seat.state !== "free" && seat.round === round) {
      if (seat.state === "tentative") return undefined;
      if (seat.holder === this.claims.me) return { outcome: "confirmed", resource, round };
      return { outcome: "lost", resource, round, holder: seat.holder };
    }
    // The round is over, and who had won it has released it.
    return { outcome: "lost", resource, round, holder: undefined };
  }
}

function text(resource: string): string {
  if (typeof resource !== "string") throw new CrdtError("invalid-argument", "what is claimed has a text for a name");
  return resource;
}

function readSeat(input: In): Seat {
  const state = input.number();
  const who = input.option((from) => from.text()) ?? "";
  const round = input.number();
  switch (state) {
    case 0:
      return { state: "free" };
    case 1:
      return { state: "tentative", holder: who, round };
    case 2:
      return { state: "confirmed", holder: who, round };
    default:
      return { state: "contested", member: who };
  }
}
