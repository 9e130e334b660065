import { CrdtError, type Limits, Store } from "../index.js";
import type { Saved, StorageAdapter } from "../storage/adapter.js";
import { failure } from "../storage/failure.js";

/** How storage is: not used, everything stored, being stored, or failing and tried again. */
export type StorageState = "none" | "saved" | "saving" | "failing";

const COMPACT_PARTS = 64;

/** What a saver is told. */
export interface SaverOptions {
  readonly retry: number;
  readonly acceptDamage: boolean;
  readonly limits: Limits;
}

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
 *
 * Each part holds again what the one before it holds, so that one that is damaged hides nothing. Whole parts that build on
 * what is lost all the same wait for that to come from others.
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
  /** The same before the last part. */
  #before: Uint8Array;
  #parts: number;
  /** Whole parts that build on what is not known. */
  #early: Uint8Array[];
  /** The id that the writer had, whose events have other names now: what is stored under the old ones has to go. */
  #outdated: string | undefined;
  /** It failed, and what is there must be looked at before more is stored. */
  #isUnsure = false;
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

  /**
   * Loads a store. Whatever is wrong with the storage, there is a store to go on with.
   *
   * @throws {@link CrdtError} `damaged` if there is something, and nothing of it can be read, but with `acceptDamage`.
   */
  static async open(adapter: StorageAdapter, options: SaverOptions): Promise<Saver> {
    const { retry, acceptDamage, limits } = options;
    let saved: Saved | undefined;
    let error: CrdtError | undefined;
    try {
      saved = await load(adapter);
    } catch (thrown) {
      error = failure(thrown);
    }
    const parts = saved?.parts ?? [];
    const writer = adapter.isExclusive === true ? saved?.writer : undefined;
    try {
      let store = create(writer, limits);
      let loaded = applyAll(store, parts);
      if (loaded.damage !== undefined && parts.length === loaded.unread && !acceptDamage) {
        store.free();
        const message = `nothing of what is stored can be read (${loaded.damage.message}); it was left as it is`;
        throw new CrdtError("damaged", message, { cause: loaded.damage });
      }
      if (loaded.damage !== undefined && writer !== undefined) {
        // Not all that it has written is here: going on with the writer could use names again.
        store.free();
        store = create(undefined, limits);
        loaded = applyAll(store, parts);
      }
      return new Saver(adapter, store, { isOpen: saved !== undefined, parts: parts.length, error, loaded, retry });
    } catch (thrown) {
      if (saved !== undefined) adapter.close();
      throw thrown;
    }
  }

  private constructor(
    adapter: StorageAdapter,
    store: Store,
    found: { isOpen: boolean; parts: number; error: CrdtError | undefined; loaded: Loaded; retry: number },
  ) {
    this.#adapter = adapter;
    this.store = store;
    this.#isOpen = found.isOpen;
    this.#parts = found.parts;
    this.#retry = found.retry;
    this.#stored = store.version();
    this.#before = found.loaded.before;
    this.#early = found.loaded.early;
    this.#damage = found.loaded.damage;
    this.error = found.error ?? this.#damage;
    this.isDurable = this.error === undefined && adapter.isExclusive === true;
    if (!found.isOpen) this.state = "failing";
  }

  /** Begins to save. */
  start(listener: SaverListener): void {
    this.#listener = listener;
    if (!this.#isOpen) this.save();
  }

  /** Whether there is something that is not stored. */
  get isBehind(): boolean {
    return !this.#isOpen || this.#outdated !== undefined || !isSame(this.#stored, this.store.version());
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

  /** After `Replica.rebase()`: what is stored would bring events back under the names that they had, of this writer. */
  replace(writer: string): void {
    this.#outdated = writer;
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
        await this.#failed(failure(thrown));
        this.#isWanted = true;
        failures += 1;
        await this.#pause(Math.min(60_000, this.#retry * 2 ** Math.min(failures, 10)));
      }
    }
    this.#isRunning = false;
  }

  async #step(): Promise<void> {
    if (!this.#isOpen || this.#isUnsure) await this.#reopen();
    if (this.#isClosed) return;
    if (this.#outdated !== undefined) return this.#replaceAll(this.#outdated);
    if (this.#early.length > 0) this.#early = applyAll(this.store, this.#early).early;
    const version = this.store.version();
    if (isSame(version, this.#stored)) return this.#isSaved();
    this.#show("saving", this.error);
    const part = this.store.encodeSince(this.#before);
    const record = this.isDurable ? this.store.writerRecord() : undefined;
    await this.#calling(() => this.#adapter.append(part, record));
    if (this.#isClosed || this.#outdated !== undefined) return;
    this.#before = this.#stored;
    this.#stored = version;
    this.#parts += 1;
    this.#listener?.saved(version);
    this.#isSaved();
    if (this.#parts >= COMPACT_PARTS && !this.#isClosed) await this.#compact();
  }

  #isSaved(): void {
    this.#show("saved", this.#damage ?? this.#crowded);
    if (!this.isBehind) for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** The old writer first, so that nobody goes on with it; the new one is stored with the next part. */
  async #replaceAll(old: string): Promise<void> {
    if (this.isDurable) await this.#calling(async () => this.#adapter.abandon?.());
    if (this.#isClosed) return;
    let version = this.#stored;
    const whole = (parts: readonly Uint8Array[]): Uint8Array[] => {
      version = this.store.version();
      return [this.store.encode(), ...ofOthers(parts, old, this.store)];
    };
    await this.#calling(() => this.#adapter.compact(whole));
    if (this.#isClosed) return;
    if (this.#outdated === old) this.#outdated = undefined;
    this.#before = this.#stored = version;
    this.#listener?.saved(version);
    this.#isWanted = true;
  }

  /** Looks at what is there: it may be less than was stored, or more. */
  async #reopen(): Promise<void> {
    if (this.#isOpen) this.#release();
    const { parts } = await this.#calling(() => load(this.#adapter));
    if (this.#isClosed) return this.#adapter.close();
    // The writer that comes with them is not used: this store has one already.
    this.#isOpen = true;
    this.#isUnsure = false;
    this.#parts = parts.length;
    const there = new Store();
    try {
      const { before, damage, early } = applyAll(there, parts);
      this.#before = before;
      this.#stored = there.version();
      this.#damage = damage;
      this.#early = early;
      // What is there under names that it has no more does not come back.
      if (this.#outdated === undefined) this.store.merge(there);
    } finally {
      there.free();
    }
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
    if (!this.#isClosed) this.#show("saved", this.#damage ?? this.#crowded);
  }

  async #failed(error: CrdtError): Promise<void> {
    // Who gives an exclusive storage back may not get it again.
    this.#isUnsure = this.#isOpen && error.code !== "quota" && this.#adapter.isExclusive !== true;
    this.#show("failing", error);
    if (!this.isDurable || this.#isClosed) return;
    // Nothing could leave any more. It can if nobody ever goes on with this writer after a restart.
    try {
      await this.#calling(async () => this.#adapter.abandon?.());
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

function create(writer: Uint8Array | undefined, limits: Limits): Store {
  if (writer === undefined) return new Store({ limits });
  try {
    return new Store({ writer, limits });
  } catch {
    // A record that cannot be read: a new writer is always right.
    return new Store({ limits });
  }
}

/** What came of parts. */
interface Loaded {
  /** The version before the last part that was new, but for the first one, which may be large. */
  readonly before: Uint8Array;
  /** Whole parts that build on what is missing. */
  readonly early: Uint8Array[];
  /** How many were not taken in, for whatever reason. */
  readonly unread: number;
  /** The first thing that is wrong. */
  readonly damage: CrdtError | undefined;
}

/** Takes in what can be taken in. */
function applyAll(store: Store, parts: readonly Uint8Array[]): Loaded {
  let [before, damage, unread]: [Uint8Array | undefined, CrdtError | undefined, number] = [undefined, undefined, 0];
  const early: Uint8Array[] = [];
  for (const part of parts) {
    const version = store.version();
    const isEmpty = Object.keys(store.clock()).length === 0;
    try {
      if (store.restore(part).changed && !isEmpty) before = version;
    } catch (thrown) {
      damage ??= failure(thrown);
      unread += 1;
      if (isEarly(thrown)) early.push(part);
    }
  }
  return { before: before ?? store.version(), early, unread, damage };
}

/** Whether it is whole, and builds on what is not known. */
function isEarly(thrown: unknown): boolean {
  return thrown instanceof CrdtError && (thrown.code === "gap" || thrown.code === "floor");
}

/** Many parts as one, and those that cannot be read as they are: perhaps somebody else can. */
function mergeParts(parts: readonly Uint8Array[]): Uint8Array[] {
  const whole = new Store();
  try {
    const unread = parts.filter((part) => !applies(whole, part));
    return unread.length === parts.length ? unread : [whole.encode(), ...unread];
  } finally {
    whole.free();
  }
}

function applies(store: Store, part: Uint8Array): boolean {
  try {
    store.restore(part);
    return true;
  } catch {
    return false;
  }
}

/** Parts without events of a writer that are not in the store any more: what other tabs have stored, and what cannot be read. */
function ofOthers(parts: readonly Uint8Array[], writer: string, store: Store): Uint8Array[] {
  const shared = store.clock();
  const probe = new Store();
  try {
    let before = probe.clock();
    return parts.filter((part) => {
      if (!applies(probe, part)) return true;
      const after = probe.clock();
      const brings = ([id, count]: [string, number]): boolean =>
        id.startsWith(writer) && count > Math.max(before[id] ?? 0, shared[id] ?? 0);
      const isOld = Object.entries(after).some(brings);
      before = after;
      return !isOld;
    });
  } finally {
    probe.free();
  }
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
