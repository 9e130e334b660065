import { CrdtError, InsufficientRightsError } from "./error.js";
import { narrow } from "./failure.js";
import { amount, Shown } from "./handles.js";
import { Read, Write } from "./names.js";
import { readWide, toJson } from "./wire.js";

/** Who has rights to count a bounded counter down. */
export interface RightsHolder {
  /** The replica. */
  readonly replica: string;
  /** How many, as far as it is known here. Below zero only if an id was forked. */
  readonly rights: number | bigint;
}

/**
 * A counter that never goes below zero, without coordination: stock, seats, a budget.
 *
 * Every unit that is counted up is a *right* to count one down. It belongs to the replica that made it until it is
 * handed over by `transfer`, and a replica counts down only what it has rights for. So no two replicas spend the same
 * unit, however long they are cut off from each other.
 *
 * A new `Store` is a new writer, and has no rights: a page that holds some hands them over before it ends, or goes on
 * with its writer (`StoreOptions.writer`); what it leaves behind stays in the value, and nobody can spend it. A spend is
 * to be acknowledged once it is stored. The counter cannot be reset, and stays when its name is removed.
 */
export class BoundedCounterHandle extends Shown<number | bigint> {
  override readonly kind = "bounded-counter";

  /**
   * Counts up: makes so many rights, which belong to this replica.
   *
   * @throws {@link CrdtError} `zero-amount`, or `overflow` if this writer alone would have counted up beyond 64 bits.
   */
  increment(by: number | bigint = 1): void {
    this.write(Write.BoundedIncrement, this.args().big(amount(by)));
  }

  /**
   * Counts down, if this replica has so many rights.
   *
   * @throws {@link InsufficientRightsError} if it has not, with how many there are here and elsewhere.
   * @throws {@link CrdtError} as `increment` does. Nothing has changed then.
   */
  tryDecrement(by: number | bigint = 1): void {
    try {
      this.write(Write.BoundedDecrement, this.args().big(amount(by)));
    } catch (error) {
      // Where rights are rebalanced they are asked for now.
      if (error instanceof InsufficientRightsError) this.store.wanted?.();
      throw error;
    }
  }

  /**
   * Hands so many rights over to another replica (its `Store.replica`), which has them when it hears of it.
   *
   * @throws {@link InsufficientRightsError} if this replica has not so many.
   * @throws {@link CrdtError} `unknown-replica` if nothing was seen of that one: it calls `announce` first.
   * `to-oneself`, `zero-amount`, `overflow`, `invalid-id`. Nothing has changed then.
   */
  transfer(to: string, by: number | bigint): void {
    this.write(Write.BoundedTransfer, this.args().text(id(to)).big(amount(by)));
  }

  /** Makes this replica known, so that others can hand rights over to it. False if it is known already. */
  announce(): boolean {
    return this.write(Write.BoundedAnnounce, this.args()) > 0;
  }

  /**
   * The count: all rights together. Below zero only if an id was forked.
   *
   * @throws {@link CrdtError} `overflow` beyond ±(2^53 − 1): then there is `bigValue`.
   */
  get value(): number {
    const value = this.shown();
    if (typeof value === "bigint") throw new CrdtError("overflow", "the count is no safe integer: use bigValue");
    return value;
  }

  /** The count, however large. */
  get bigValue(): bigint {
    return readWide(this.read(Read.Bounded).rest());
  }

  /** How many rights this replica has: what it can count down without hearing of others. */
  get rights(): number | bigint {
    return narrow(readWide(this.read(Read.BoundedRights).rest()));
  }

  /** How many rights another replica has, as far as it is known here. */
  rightsOf(replica: string): number | bigint {
    return narrow(readWide(this.read(Read.BoundedRightsOf, this.args().text(id(replica))).rest()));
  }

  /** All replicas that counted, announced themselves or were given something, in the order of their ids. */
  holders(): RightsHolder[] {
    const input = this.read(Read.BoundedHolders);
    const holders: RightsHolder[] = [];
    while (!input.isAtEnd) holders.push({ replica: input.text(), rights: narrow(readWide(input.bytes())) });
    return holders;
  }

  protected override shown(): number | bigint {
    return narrow(this.bigValue);
  }

  override toJSON(): unknown {
    return toJson(this.shown());
  }
}

function id(replica: string): string {
  if (typeof replica !== "string") throw new CrdtError("invalid-id", "not the id of a replica");
  return replica;
}
