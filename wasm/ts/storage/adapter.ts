/** What was stored. */
export interface Saved {
  /** A state and deltas, in the order in which they are to be applied. */
  readonly parts: readonly Uint8Array[];
  /** The record of the writer to go on with, of an exclusive storage; without one a new writer is taken. */
  readonly writer?: Uint8Array;
}

/**
 * Where a store is kept: a log of parts, and now and then few parts in place of many.
 *
 * Whatever throws or rejects leaves what is stored as it was. The calls come one at a time, `open` first. After a failure
 * that is no lack of room (`quota`) it is closed and opened again, and what is missing there is stored anew.
 */
export interface StorageAdapter {
  /**
   * Whether what is stored is never set back or copied, by nobody: no backup is restored, no disk or profile copied; and
   * whether one at a time has it open. Only then a writer is stored and given out again, and nothing leaves before it is
   * stored. By default it is not: every visit writes under a new id, taken at its first write, which is always right.
   */
  readonly isExclusive?: boolean;
  /** Everything that is stored. */
  open(): Promise<Saved>;
  /**
   * Adds a part. An exclusive storage in the same step replaces the record of the writer, if there is one. Resolves once
   * both are durable.
   */
  append(part: Uint8Array, writer: Uint8Array | undefined): Promise<void>;
  /**
   * Replaces all parts by what `merge` makes of them, in one step: also parts that others have added to the same
   * place since. If `merge` throws nothing has changed.
   */
  compact(merge: (parts: readonly Uint8Array[]) => readonly Uint8Array[]): Promise<void>;
  /** Of an exclusive storage: removes the record of the writer, so that nobody goes on with it, durably. */
  abandon?(): Promise<void>;
  /** Gives back what is held. No other call is under way then, and none comes afterwards, but `open` perhaps. */
  close(): void;
}
