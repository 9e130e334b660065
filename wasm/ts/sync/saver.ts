import { CrdtError, Store } from "../index.js";
import type { Saved, StorageAdapter } from "../storage/adapter.js";
import { failure } from "../storage/failure.js";

/** How storage is: not used, everything stored, being stored, or failing and tried again. */
export type StorageState = "none" | "saved" | "saving" | "failing";

const COMPACT_PARTS = 64;

/** What the saver tells. */
export interface SaverListener {
  /** Everything up to this version is durable. */
  saved(version: Uint8Array): void;
  /** Its state is another one. */
  changed(): void;
}

/**
 * Keeps a store in storage: appends what is new, one part after the other, and tries again when that fails. What was not
 * stored stays in memory, and goes into the next part.
 */
export class Saver {
  readonly store: Store;
  state: StorageState = "saved";
  error: CrdtError | undefined;
  /** Whether the writer's record is stored with the parts: then nothing may leave before it is stored. */
  isDurable: boolean;
  readonly #adapter: StorageAdapter;
  readonly #retry: number;
  #listener: SaverListener | undefined;
  #isOpen: boolean;
  #stored: Uint8Array;
  #parts: number;
  /** The writer has another id, and its events other names: what is stored has to go. */
  #isOutdated = false;
  /** What is wrong with parts that are stored. */
  #damage: CrdtError | undefined;
  /** Why parts could not be put together the last time. */
  #crowded: CrdtError | undefined;
  #isWanted = false;
  #isRunning = false;
  /** Whether a call of the adapter is under way. */
  #isBusy = false;
  #isClosed = false;
  #wake: (() => void) | undefined;
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: CrdtError) => void }[] = [];

  /** Loads a store. Whatever is wrong with the storage, there is a store to go on with. */
  static async open(adapter: StorageAdapter, retry: number): Promise<Saver> {
    let saved: Saved | undefined;
    let error: CrdtError | undefined;
    try {
      saved = await load(adapter);
    } catch (thrown) {
      error = failure(thrown);
    }
    const parts = saved?.parts ?? [];
    try {
      let store = create(saved?.writer);
      error ??= applyAll(store, parts);
      if (error !== undefined && saved?.writer !== undefined) {
        // Not all that it has written is here: going on with the writer could use names again.
        store.free();
        store = new Store();
        applyAll(store, parts);
      }
      return new Saver(adapter, store, { isOpen: saved !== undefined, parts: parts.length, error, retry });
    } catch (thrown) {
      if (saved !== undefined) adapter.close();
      throw thrown;
    }
  }

  private constructor(
    adapter: StorageAdapter,
    store: Store,
    found: { isOpen: boolean; parts: number; error: CrdtError | undefined; retry: number },
  ) {
    this.#adapter = adapter;
    this.store = store;
    this.#isOpen = found.isOpen;
    this.#parts = found.parts;
    this.#retry = found.retry;
    this.#stored = store.version();
    this.error = found.error;
    this.isDurable = found.error === undefined;
    if (found.isOpen) this.#damage = found.error;
    else this.state = "failing";
  }

  /** Begins to save. */
  start(listener: SaverListener): void {
    this.#listener = listener;
    if (!this.#isOpen) this.save();
  }

  /** Whether there is something that is not stored. */
  get isBehind(): boolean {
    return !this.#isOpen || this.#isOutdated || !isSame(this.#stored, this.store.version());
  }

  /** Saves soon. */
  save(): void {
    this.#isWanted = true;
    if (!this.#isRunning) void this.#run();
  }

  /** Resolves once nothing is behind. */
  flush(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed());
    if (!this.isBehind) return Promise.resolve();
    this.save();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** After `Replica.rebase()`: what is stored would bring events back under the names that they had. */
  replace(): void {
    this.#isOutdated = true;
    this.save();
  }

  /** Tries again at once. */
  hurry(): void {
    this.#wake?.();
    this.save();
  }

  close(): void {
    this.#isClosed = true;
    this.#listener = undefined;
    this.#wake?.();
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
    // What is being stored is stored first: the next one who opens it must find that.
    if (!this.#isBusy) this.#release();
  }

  /** Calls the adapter. */
  async #calling<T>(call: () => Promise<T>): Promise<T> {
    this.#isBusy = true;
    try {
      return await call();
    } finally {
      this.#isBusy = false;
      if (this.#isClosed) this.#release();
    }
  }

  #release(): void {
    // What is not open here may be in use by somebody else.
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#adapter.close();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let failures = 0;
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      try {
        await this.#step();
        failures = 0;
      } catch (thrown) {
        if (this.#isClosed) break;
        this.#isWanted = true;
        if (failure(thrown).code === "gone" && failures === 0) {
          // It begins anew, with all that is here.
          this.#isOpen = false;
          failures = 1;
          continue;
        }
        await this.#failed(failure(thrown));
        failures += 1;
        await this.#pause(Math.min(60_000, this.#retry * 2 ** Math.min(failures, 10)));
      }
    }
    this.#isRunning = false;
  }

  async #step(): Promise<void> {
    if (!this.#isOpen) await this.#reopen();
    if (this.#isClosed) return;
    if (this.#isOutdated) return this.#replaceAll();
    const version = this.store.version();
    if (isSame(version, this.#stored)) {
      for (const { resolve } of this.#waiting.splice(0)) resolve();
      return this.#show("saved", this.#damage ?? this.#crowded);
    }
    this.#show("saving", this.error);
    const part = this.store.encodeSince(this.#stored);
    const record = this.isDurable ? this.store.writerRecord() : undefined;
    await this.#calling(() => this.#adapter.append(part, record));
    if (this.#isClosed || this.#isOutdated) return;
    this.#stored = version;
    this.#parts += 1;
    this.#show("saved", this.#damage ?? this.#crowded);
    this.#listener?.saved(version);
    if (!this.isBehind) for (const { resolve } of this.#waiting.splice(0)) resolve();
    // Parts that cannot be read are not touched: perhaps somebody else can.
    const isCrowded = this.#parts >= COMPACT_PARTS && this.#damage === undefined;
    if (isCrowded && !this.#isClosed) await this.#compact();
  }

  /** The old writer first, so that nobody goes on with it; the new one is stored with the next part. */
  async #replaceAll(): Promise<void> {
    await this.#calling(() => this.#adapter.abandon());
    if (this.#isClosed) return;
    let version = this.#stored;
    const whole = (): Uint8Array => {
      version = this.store.version();
      this.#isOutdated = false;
      return this.store.encode();
    };
    try {
      await this.#calling(() => this.#adapter.compact(whole));
    } catch (error) {
      this.#isOutdated = true;
      throw error;
    }
    if (this.#isClosed) return;
    this.#stored = version;
    this.#listener?.saved(version);
    this.#isWanted = true;
  }

  async #reopen(): Promise<void> {
    const { parts } = await this.#calling(() => load(this.#adapter));
    if (this.#isClosed) return this.#adapter.close();
    // The writer that comes with them is not used: this store has one already.
    this.#isOpen = true;
    this.#parts = parts.length;
    this.#damage = applyAll(this.store, parts);
    this.#stored = versionOf(parts);
  }

  async #compact(): Promise<void> {
    this.#parts = 1;
    try {
      await this.#calling(() => this.#adapter.compact(mergeParts));
      this.#crowded = undefined;
    } catch (thrown) {
      // Everything is stored, if in many parts. It is tried again after as many more.
      this.#crowded = failure(thrown);
    }
    if (!this.#isClosed) this.#show("saved", this.#crowded);
  }

  async #failed(error: CrdtError): Promise<void> {
    this.#show("failing", error);
    if (!this.isDurable || this.#isClosed) return;
    // Nothing could leave any more. It can if nobody ever goes on with this writer after a restart.
    try {
      await this.#calling(() => this.#adapter.abandon());
      this.isDurable = false;
      this.#listener?.changed();
    } catch {
      // Then what is written here waits in memory for the storage; what comes from others is taken in.
    }
  }

  #show(state: StorageState, error: CrdtError | undefined): void {
    if (this.state === state && this.error === error) return;
    this.state = state;
    this.error = error;
    this.#listener?.changed();
  }

  #pause(time: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Opens an adapter, and looks at what it says. */
async function load(adapter: StorageAdapter): Promise<Saved> {
  const saved = await adapter.open();
  if (Array.isArray(saved?.parts)) return saved;
  adapter.close();
  throw new CrdtError("storage", "the storage adapter gave no list of parts");
}

function closed(): CrdtError {
  return new CrdtError("storage", "it was closed before all of it was stored");
}

function create(writer: Uint8Array | undefined): Store {
  if (writer === undefined) return new Store();
  try {
    return new Store({ writer });
  } catch {
    // A record that cannot be read: a new writer is always right.
    return new Store();
  }
}

/** Takes in what can be taken in. The first thing that is wrong. */
function applyAll(store: Store, parts: readonly Uint8Array[]): CrdtError | undefined {
  let first: CrdtError | undefined;
  for (const part of parts) {
    try {
      store.apply(part);
    } catch (thrown) {
      first ??= failure(thrown);
    }
  }
  return first;
}

/** What was stored, as far as it can be read. */
function versionOf(parts: readonly Uint8Array[]): Uint8Array {
  const stored = new Store();
  try {
    applyAll(stored, parts);
    return stored.version();
  } finally {
    stored.free();
  }
}

/** Many parts as one. Throws if one cannot be read: then all of them stay. */
function mergeParts(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Store();
  try {
    for (const part of parts) whole.apply(part);
    return whole.encode();
  } finally {
    whole.free();
  }
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
