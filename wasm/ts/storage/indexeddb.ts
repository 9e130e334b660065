import { CrdtError } from "../index.js";
import type { Saved, StorageAdapter } from "./adapter.js";
import { failure } from "./failure.js";

/** Where to keep it. */
export interface IndexedDbOptions {
  /** The name of the database. One for each store; all tabs of an origin share it. */
  readonly name: string;
  /** `indexedDB` by default. */
  readonly factory?: IDBFactory;
}

const PARTS = "parts";
/** What the database is told from others of its name by: a random id. */
const ABOUT = "about";

/**
 * Keeps a store in IndexedDB. Tabs share one log of parts. Profiles are copied and restored from backups, so this storage is
 * not exclusive: each visit that writes does so under a new id, which is 19 bytes in every version vector. Rights of bounded
 * counters that a visit leaves behind cannot be spent any more: give them to others (`transfer`) before it ends.
 *
 * A part is durable when it is said to be (`strict`). Browsers close connections, on phones above all: the next write
 * opens another one. What cannot be stored throws `quota` or `storage`; also once, if the database was deleted, by clearing
 * the site's data say: then all is stored anew.
 */
export class IndexedDbStorage implements StorageAdapter {
  readonly #name: string;
  readonly #factory: IDBFactory;
  #database: IDBDatabase | undefined;
  /** Which database was opened. */
  #id: string | undefined;

  constructor(options: IndexedDbOptions) {
    this.#name = options.name;
    this.#factory = options.factory ?? indexedDB;
  }

  async open(): Promise<Saved> {
    try {
      this.#id = undefined;
      return await this.#transact<Saved>("readonly", (at, answer) => {
        at.on(at.parts.getAll(), (parts: Uint8Array[]) => answer({ parts }));
      });
    } catch (error) {
      this.close();
      throw failure(error);
    }
  }

  async append(part: Uint8Array): Promise<void> {
    await this.#write((at) => void at.parts.add(part));
  }

  async compact(merge: (parts: readonly Uint8Array[]) => readonly Uint8Array[]): Promise<void> {
    // One transaction: no other tab can add a part between reading and clearing.
    await this.#write((at) => {
      at.on(at.parts.getAll(), (parts: Uint8Array[]) => {
        const merged = merge(parts);
        at.parts.clear();
        for (const part of merged) at.parts.add(part);
      });
    });
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  /** Removes what is stored. A tab that has it open and goes on writing stores again what it has. */
  async destroy(): Promise<void> {
    this.close();
    await result(this.#factory.deleteDatabase(this.#name)).catch((error: unknown) => Promise.reject(failure(error)));
  }

  async #write(work: (at: At) => void): Promise<void> {
    if (this.#id === undefined) throw new CrdtError("storage", "the storage is closed");
    try {
      await this.#transact<void>("readwrite", work);
    } catch (error) {
      throw failure(error);
    }
  }

  /** Works on the connection that there is; if that turns out to be closed, once more on another one. */
  async #transact<T>(mode: IDBTransactionMode, work: Work<T>): Promise<T> {
    const database = this.#database;
    if (database !== undefined) {
      try {
        return await inTransaction(database, mode, work);
      } catch (error) {
        if (this.#database === database && !isClosed(error)) throw error;
      }
    }
    return inTransaction(await this.#connect(), mode, work);
  }

  async #connect(): Promise<IDBDatabase> {
    this.close();
    const request = this.#factory.open(this.#name, 2);
    request.onupgradeneeded = () => upgrade(request.result, request.transaction!);
    const database = await result(request);
    const forget = (): void => {
      if (this.#database === database) this.close();
    };
    this.#database = database;
    database.onclose = forget;
    // Another tab wants to delete or upgrade it, and need not wait for this one.
    database.onversionchange = () => {
      database.close();
      forget();
    };
    const id = await inTransaction<string>(database, "readonly", (at, answer) => at.on(at.about.get("id"), answer));
    const before = this.#id;
    this.#id = id;
    if (before === undefined || before === id) return database;
    throw new CrdtError("storage", "what was stored is gone: the database was deleted");
  }
}

function upgrade(database: IDBDatabase, transaction: IDBTransaction): void {
  const { objectStoreNames: names } = database;
  if (!names.contains(PARTS)) database.createObjectStore(PARTS, { autoIncrement: true });
  // Version 1 kept writers, to go on with.
  if (names.contains("writers")) database.deleteObjectStore("writers");
  if (!names.contains(ABOUT)) database.createObjectStore(ABOUT);
  transaction.objectStore(ABOUT).put(crypto.randomUUID(), "id");
}

/** Whether the connection was closed before: by the browser, without a word perhaps. */
function isClosed(error: unknown): boolean {
  return error instanceof DOMException && error.name === "InvalidStateError";
}

/** What a transaction works on. */
interface At {
  readonly parts: IDBObjectStore;
  readonly about: IDBObjectStore;
  /** Goes on with the result of a request. What throws there undoes the transaction. */
  on<T>(request: IDBRequest<T>, next: (result: T) => void): void;
}

type Work<T> = (at: At, answer: (value: T) => void) => void;

/** What the work answers, once it is durable. */
function inTransaction<T>(database: IDBDatabase, mode: IDBTransactionMode, work: Work<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction([PARTS, ABOUT], mode, { durability: "strict" });
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
      about: transaction.objectStore(ABOUT),
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
