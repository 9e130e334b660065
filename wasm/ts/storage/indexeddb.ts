import { CrdtError } from "../index.js";
import type { Saved, StorageAdapter } from "./adapter.js";
import { failure, gone } from "./failure.js";
import { type Lease, leaseOneOf, type Locks, webLocks } from "./lease.js";

/** Where and how to keep it. */
export interface IndexedDbOptions {
  /** The name of the database. One for each store; all tabs of an origin share it. */
  readonly name: string;
  /** `indexedDB` by default. */
  readonly factory?: IDBFactory;
  /** Web Locks by default; without them each tab writes under a new id. */
  readonly locks?: Locks | undefined;
}

const PARTS = "parts";
const WRITERS = "writers";
/** Among the writers: something random that tells this database from the next one of its name. */
const GENERATION = "generation";

/**
 * Keeps a store in IndexedDB. Tabs share one log of parts, and each tab has a writer of its own: it takes over the id
 * of a tab that has gone, if there is one, and else a new one. So version vectors grow with the number of tabs that
 * were ever open at once, not with every visit.
 *
 * A part and its writer's record are stored in one transaction that is durable when it ends (`strict`). What cannot be
 * stored throws `quota` or `storage`. A connection that the browser closes, as it does on phones and when site data is
 * cleared, is opened again by the next write; if what was stored is gone by then, that write throws `gone`, and `open` begins anew.
 */
export class IndexedDbStorage implements StorageAdapter {
  readonly #name: string;
  readonly #factory: IDBFactory;
  readonly #locks: Locks | undefined;
  #database: IDBDatabase | undefined;
  /** Which database was opened; nothing before `open` and after `close`. */
  #generation: string | undefined;
  #lease: Lease | undefined;

  constructor(options: IndexedDbOptions) {
    this.#name = options.name;
    this.#factory = options.factory ?? indexedDB;
    this.#locks = "locks" in options ? options.locks : webLocks();
  }

  async open(): Promise<Saved> {
    try {
      const database = await this.#connect();
      const names = await inTransaction<IDBValidKey[]>(database, "readonly", (at, answer) => {
        at.on(at.writers.getAllKeys(), answer);
      });
      await this.#take(names.map(String).filter((name) => name !== GENERATION));
      // Only now: nobody else can write under the id any more.
      return await inTransaction<Saved>(database, "readwrite", (at, answer) => this.#read(at, answer));
    } catch (error) {
      this.close();
      throw failure(error);
    }
  }

  async append(part: Uint8Array, writer: Uint8Array | undefined): Promise<void> {
    await this.#write((at) => {
      if (this.#lease !== undefined && writer !== undefined) at.writers.put(writer, this.#lease.name);
      at.parts.add(part);
    });
  }

  async compact(merge: (parts: readonly Uint8Array[]) => Uint8Array): Promise<void> {
    // One transaction: no other tab can add a part between reading and clearing.
    await this.#write((at) => {
      at.on(at.parts.getAll(), (parts: Uint8Array[]) => {
        const state = merge(parts);
        at.parts.clear();
        at.parts.add(state);
      });
    });
  }

  async abandon(): Promise<void> {
    const lease = this.#lease;
    if (lease !== undefined) await this.#write((at) => void at.writers.delete(lease.name));
  }

  close(): void {
    this.#lease?.release();
    this.#lease = undefined;
    this.#generation = undefined;
    this.#database?.close();
    this.#database = undefined;
  }

  /** Removes what is stored, for good. Other tabs that have it open go on in memory. */
  async destroy(): Promise<void> {
    this.close();
    await result(this.#factory.deleteDatabase(this.#name)).catch((error: unknown) => Promise.reject(failure(error)));
  }

  async #connect(): Promise<IDBDatabase> {
    const request = this.#factory.open(this.#name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(PARTS, { autoIncrement: true });
      request.result.createObjectStore(WRITERS);
    };
    const database = await result(request);
    const lost = (): void => {
      if (this.#database === database) this.#database = undefined;
    };
    // Another tab wants to delete or upgrade it: it need not wait for us.
    database.onversionchange = () => {
      database.close();
      lost();
    };
    database.onclose = lost;
    this.#database = database;
    return database;
  }

  async #take(names: readonly string[]): Promise<void> {
    if (this.#locks === undefined || this.#lease !== undefined) return;
    const prefix = `dotted ${this.#name} `;
    // A new name for a tab that finds none free: nobody else can have it.
    this.#lease = await leaseOneOf(this.#locks, prefix, [...names, crypto.randomUUID()]);
  }

  #read(at: At, answer: (saved: Saved) => void): void {
    at.on(at.writers.get(GENERATION), (found: string | undefined) => {
      this.#generation = found ?? crypto.randomUUID();
      if (found === undefined) at.writers.put(this.#generation, GENERATION);
    });
    at.on(at.parts.getAll(), (parts: Uint8Array[]) => {
      if (this.#lease === undefined) return answer({ parts });
      at.on(at.writers.get(this.#lease.name), (writer: Uint8Array | undefined) => {
        answer(writer === undefined ? { parts } : { parts, writer });
      });
    });
  }

  async #write(work: (at: At) => void): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined) throw new CrdtError("storage", "the storage is closed");
    const checked = (at: At): void => {
      at.on(at.writers.get(GENERATION), (found: unknown) => {
        if (found !== generation) throw gone();
        work(at);
      });
    };
    const attempt = async (): Promise<void> => inTransaction(this.#database ?? (await this.#connect()), "readwrite", checked);
    try {
      await attempt().catch((error: unknown) => {
        // The browser has closed it without a word. Once more, with a connection of now.
        if (!(error instanceof DOMException) || error.name !== "InvalidStateError") throw error;
        this.#database = undefined;
        return attempt();
      });
    } catch (error) {
      throw failure(error);
    }
  }
}

/** What a transaction works on. */
interface At {
  readonly parts: IDBObjectStore;
  readonly writers: IDBObjectStore;
  /** Goes on with the result of a request. What throws there undoes the transaction. */
  on<T>(request: IDBRequest<T>, next: (result: T) => void): void;
}

/** What the work answers, once it is durable. */
function inTransaction<T>(
  database: IDBDatabase,
  mode: IDBTransactionMode,
  work: (at: At, answer: (value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction([PARTS, WRITERS], mode, { durability: "strict" });
    let answer: T;
    let thrown: unknown;
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        thrown = error;
        transaction.abort();
      }
    };
    transaction.oncomplete = () => resolve(answer);
    transaction.onabort = () => reject(thrown ?? transaction.error);
    const at: At = {
      parts: transaction.objectStore(PARTS),
      writers: transaction.objectStore(WRITERS),
      on: (request, next) => {
        request.onsuccess = () => attempt(() => next(request.result));
      },
    };
    attempt(() => work(at, (value) => (answer = value)));
  });
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
