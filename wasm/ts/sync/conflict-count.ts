import type { ChangeBatch, ConflictPlace, Store, Unsubscribe } from "../index.js";

/** So many are counted anew each time. */
const FEW = 64;

/**
 * How many conflicts a store has. Listing them costs O(conflicts), so where they are many only those keys are looked at that
 * have changed.
 */
export class ConflictCount {
  readonly #store: Store;
  /** Those that are open, while they are many. */
  #open: Set<string> | undefined;
  readonly #changed = new Map<string, ConflictPlace>();
  #isMissed = false;
  #end: Unsubscribe | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  get value(): number {
    if (this.#open === undefined || this.#isMissed) return this.#count();
    for (const [id, place] of this.#changed) {
      if (this.#store.conflict(place) === undefined) this.#open.delete(id);
      else this.#open.add(id);
    }
    this.#changed.clear();
    if (this.#open.size < FEW / 2) this.stop();
    return this.#open?.size ?? this.#count();
  }

  stop(): void {
    this.#end?.();
    this.#end = this.#open = undefined;
    this.#changed.clear();
  }

  #count(): number {
    const conflicts = this.#store.conflicts();
    if (conflicts.length >= FEW) {
      this.#open = new Set(conflicts.map(idOf));
      this.#changed.clear();
      this.#isMissed = false;
      this.#end ??= this.#store.observe((batch) => this.#note(batch));
    } else this.stop();
    return conflicts.length;
  }

  #note({ origin, changes }: ChangeBatch): void {
    this.#isMissed ||= origin === "missed" || changes.length > this.#open!.size;
    if (this.#isMissed) return this.#changed.clear();
    for (const { name, kind, key } of changes) {
      this.#noteOne({ name, kind, ...(key !== undefined && { key }) });
      // What is decided about a field may settle the record, and the other way round.
      if (kind === "record") this.#noteOne({ name, kind, key: null });
    }
  }

  #noteOne(place: ConflictPlace): void {
    this.#changed.set(idOf(place), place);
  }
}

function idOf({ name, kind, key }: ConflictPlace): string {
  return JSON.stringify([kind, name, key === undefined ? [] : key], (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}
