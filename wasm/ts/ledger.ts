import { CrdtError } from "./error.js";
import { narrow } from "./failure.js";
import { amount, Shown } from "./handles.js";
import { parseUuid } from "./ids.js";
import { Read, Settle, Write } from "./names.js";
import { define, type In, listOf, type Out, readWide, toJson } from "./wire.js";

/** The name that a client gives to a request. */
export interface RequestId {
  /** The client, or a random id for this one request: a UUID. */
  readonly client: string;
  /** Its number at this client, from 0 on. Only numbers without gaps can be folded. */
  readonly number: number | bigint;
}

/** An amount that goes from one account to another, in the smallest unit: what a request asks for. */
export interface Transfer {
  readonly from: string;
  readonly to: string;
  /** From 0 on, up to 64 bits. */
  readonly amount: number | bigint;
}

/** One of several versions of a request. */
export interface RequestVersion {
  /** What it asked for; undefined if it was folded. */
  readonly transfer: Transfer | undefined;
  /** The event: `writer:counter`. */
  readonly dot: string;
  /** When it was recorded, in milliseconds since 1970. */
  readonly time: number;
  /** Breaks ties among equal times. */
  readonly logical: number;
}

/** What is known of a request. */
export type RequestState =
  /** It was recorded, and has its effect. */
  | { readonly state: "recorded"; readonly transfer: Transfer }
  /** It was recorded and folded: its effect is in the balances. */
  | { readonly state: "folded" }
  /** Different ones came with this id. */
  | { readonly state: "disputed"; readonly versions: readonly RequestVersion[] };

/** Different requests that came with one id. */
export interface Dispute {
  readonly id: RequestId;
  /** Whether one of them was folded, and so is in the balances. None of the others is. */
  readonly folded: boolean;
  /** In the order of their dots. */
  readonly versions: readonly RequestVersion[];
}

/** What became of a request: it was new, it was known with this content, or its id stands for something else. */
export type Recorded = "new" | "known" | "reused";

const RECORDED: readonly Recorded[] = ["new", "known", "reused"];

/**
 * Requests of clients, each of which has exactly one effect, wherever and however often it arrives: payments, orders.
 *
 * A client numbers its requests and sends the same number again when it got no answer, to another region as well. The
 * same request recorded in two regions is one. Different ones under one id are a dispute, which has no effect until
 * somebody settles it. Balances are computed from the requests. A ledger stays when its name is removed.
 *
 * ```ts
 * const request = { client: crypto.randomUUID(), number: 0 };
 * const transfer = { from: "ana", to: "ben", amount: 10_000 };
 * tokyo.ledger("payments").record(request, transfer);
 * london.ledger("payments").record(request, transfer); // no answer from Tokyo: tried again
 * tokyo.merge(london);
 * tokyo.ledger("payments").balance("ben"); // 10,000
 * ```
 */
export class LedgerHandle extends Shown<{ readonly [account: string]: number | bigint }> {
  override readonly kind = "ledger";

  /**
   * Records a request, unless it is known. Says whether it was new. It is known under its id from then on.
   *
   * @throws {@link CrdtError} `reused` if the id stands for something else, or is disputed. Nothing has changed then.
   */
  record(id: RequestId, transfer: Transfer): boolean {
    const [recorded] = this.recordAll([[id, transfer]]);
    if (recorded === "reused") throw new CrdtError("reused", "the id was recorded with other content");
    return recorded === "new";
  }

  /** Records many, as one group, and says what became of each. What is `reused` was not recorded. */
  recordAll(requests: Iterable<readonly [RequestId, Transfer]>): Recorded[] {
    const list = listOf(requests);
    const written = this.args();
    for (const request of list) putTransfer(putId(written, request?.[0]), request?.[1]);
    const answers = this.store.answering(Settle.Record, written);
    const recorded: Recorded[] = [];
    while (!answers.isAtEnd) recorded.push(RECORDED[answers.number()] ?? "reused");
    if (recorded.includes("new")) this.store.settle();
    return recorded;
  }

  /** What is known of a request. */
  get(id: RequestId): RequestState | undefined {
    const input = this.read(Read.LedgerGet, putId(this.args(), id));
    switch (input.number()) {
      case 0:
        return undefined;
      case 1:
        return { state: "recorded", transfer: readTransfer(input) };
      case 2:
        return { state: "folded" };
      default:
        return { state: "disputed", versions: readRequestVersions(input) };
    }
  }

  /** What an account has received, less what it has paid. Costs O(requests), as `balances` does. */
  balance(account: string): number | bigint {
    const balances = this.balances();
    return Object.hasOwn(balances, account) ? balances[account]! : 0;
  }

  /** What all accounts have received, less what they have paid. Disputed requests that were not folded do not count. */
  balances(): Record<string, number | bigint> {
    const input = this.read(Read.LedgerTotal);
    const balances: Record<string, number | bigint> = {};
    while (!input.isAtEnd) define(balances, input.text(), narrow(readWide(input.bytes())));
    return balances;
  }

  /** The requests that are neither folded nor disputed, in the order of their dots: the same on all replicas. */
  requests(): { readonly id: RequestId; readonly transfer: Transfer }[] {
    const input = this.read(Read.LedgerRequests);
    const requests = [];
    while (!input.isAtEnd) requests.push({ id: readId(input), transfer: readTransfer(input) });
    return requests;
  }

  /** The ids that different requests came with, in the order of the ids. */
  disputes(): Dispute[] {
    const input = this.read(Read.LedgerDisputes);
    const disputes: Dispute[] = [];
    while (!input.isAtEnd) {
      disputes.push({ id: readId(input), folded: input.flag(), versions: readRequestVersions(input) });
    }
    return disputes;
  }

  /**
   * Settles a dispute none of which was folded: the id stands for this one. False if there is none, and nothing is
   * written.
   */
  resolve(id: RequestId, transfer: Transfer): boolean {
    return this.write(Write.LedgerResolve, putTransfer(putId(this.args(), id), transfer)) > 0;
  }

  /**
   * Settles a dispute with what was folded, which stays as it is: the others are dropped. False if nothing that was
   * folded is disputed, and nothing is written.
   */
  dismiss(id: RequestId): boolean {
    return this.write(Write.LedgerDismiss, putId(this.args(), id)) > 0;
  }

  /**
   * Folds old requests of a client, block after block of 64 from its first one on, as long as a block is complete and
   * undisputed: their sum and a fingerprint of each remain, so that late retries are still known. Returns how many blocks
   * were folded. Best done with what everyone has seen.
   */
  fold(client: string): number {
    parseUuid(client);
    const folded = this.write(Write.LedgerFold, this.args().text(client));
    // Retries that came too late are dropped where nothing is folded, too.
    this.store.settle();
    return folded;
  }

  protected override shown(): { readonly [account: string]: number | bigint } {
    return this.balances();
  }

  override toJSON(): unknown {
    return toJson(this.balances());
  }
}

function putId(out: Out, id: RequestId | undefined): Out {
  if (id === undefined || id === null) throw new CrdtError("invalid-argument", "a request has a client and a number");
  parseUuid(id.client);
  return out.text(id.client).big(amount(id.number));
}

function putTransfer(out: Out, transfer: Transfer | undefined): Out {
  const { from, to, amount: by } = transfer ?? {};
  if (typeof from !== "string" || typeof to !== "string" || by === undefined) {
    throw new CrdtError("invalid-argument", "a transfer has an amount, and goes from one account to another, which are texts");
  }
  return out.text(from).text(to).big(amount(by));
}

function readId(input: In): RequestId {
  return { client: input.text(), number: narrow(readWide(input.bytes())) };
}

function readTransfer(input: In): Transfer {
  return { from: input.text(), to: input.text(), amount: narrow(readWide(input.bytes())) };
}

function readRequestVersions(input: In): RequestVersion[] {
  const versions: RequestVersion[] = [];
  for (let left = input.number(); left > 0; left--) {
    const transfer = input.option(readTransfer);
    versions.push({ transfer, dot: input.text(), time: input.number(), logical: input.number() });
  }
  return versions;
}
