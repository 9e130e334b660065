import { setTimeout as pause } from "node:timers/promises";

import { CrdtError, ready } from "dotted-crdt";
import { Sync } from "dotted-crdt/sync";

await ready;

export const STORE = "5a0f1e7c-30d6-4f6b-9a53-0d5a3c1b7e21";

/** Waits until something is so. Fails if it never is. */
export async function until(holds) {
  for (let round = 0; !holds(); round++) {
    if (round === 2_000) throw new Error(`this is never so: ${holds}`);
    await pause(5);
  }
}

/** Two ends of a wire that can be cut. */
export function wire() {
  const ends = [0, 1].map((at) => ({
    name: `end ${at}`,
    isUp: true,
    lost: 0,
    open(listener) {
      this.listener = listener;
      listener.state("open");
    },
    send(bytes) {
      if (!this.isUp) {
        this.lost += 1;
        return false;
      }
      setTimeout(() => this.isUp && ends[1 - at].listener?.receive(bytes), 1);
      return true;
    },
    close() {
      this.listener = undefined;
    },
  }));
  return {
    ends,
    cut() {
      for (const end of ends) end.isUp = false;
      for (const end of ends) end.listener?.state("closed", new CrdtError("connection", "cut"));
    },
    heal() {
      for (const end of ends) end.isUp = true;
      for (const end of ends) end.listener?.state("open");
    },
  };
}

/** Opens one, and ends it with the test. */
export async function open(t, options = {}) {
  const sync = await Sync.open({ storeId: STORE, storageRetry: 5, ...options });
  t.after(() => {
    sync.close();
    sync.store.free();
  });
  return sync;
}

/** Whether two have seen the same. */
export function isSame(one, other) {
  return Buffer.from(one.store.version()).equals(Buffer.from(other.store.version()));
}

/** A storage that fails while it is told to. */
export function failing(inner) {
  const storage = {
    inner,
    isExclusive: inner.isExclusive,
    error: undefined,
    calls: 0,
    async open() {
      this.check("open");
      return inner.open();
    },
    async append(part, writer) {
      this.check("append");
      return inner.append(part, writer);
    },
    async compact(merge) {
      this.check("compact");
      return inner.compact(merge);
    },
    async abandon() {
      this.check("abandon");
      return inner.abandon();
    },
    close() {
      inner.close();
    },
    /** Which calls fail: all by default. */
    fails: () => true,
    check(call) {
      this.calls += 1;
      if (this.error !== undefined && this.fails(call)) throw this.error;
    },
  };
  return storage;
}

export function quota() {
  return new DOMException("the disk is full", "QuotaExceededError");
}
