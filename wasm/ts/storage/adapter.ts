/** What was stored. */
export interface Saved {
  /** A state and deltas, in the order in which they are to be applied. */
  readonly parts: readonly Uint8Array[];
  /** The record of the writer to go on with; without one a new writer is taken. */
  readonly writer?: Uint8Array;
}

/**
 * Where a store is kept: a log of parts, and now and then one part in place of many.
 *
 * Whatever throws or rejects leaves what is stored as it was. The calls come one at a time, `open` first. One that rejects
 * with `gone` says that what was stored is not there any more: `open` comes again then, and all that is not there is added.
 */
export interface StorageAdapter {
  /**
   * Everything that is stored. A writer is given out only if nobody else can have it until `close`; who cannot
   * promise that gives none.
   */
  open(): Promise<Saved>;
  /**
   * Adds a part, and in the same step replaces the record of the writer, if there is one. Resolves once both are durable.
   * An adapter that gives out no writers passes the record over.
   */
  append(part: Uint8Array, writer: Uint8Array | undefined): Promise<void>;
  /**
   * Replaces all parts by what `merge` makes of them, in one step: also parts that others have added to the same
   * place since. If `merge` throws nothing has changed.
   */
  compact(merge: (parts: readonly Uint8Array[]) => Uint8Array): Promise<void>;
  /** Removes the record of the writer: nobody goes on with it. Resolves once that is durable. */
  abandon(): Promise<void>;
  /** Gives back what is held. No other call is under way then, and none comes afterwards, but `open` perhaps. */
  close(): void;
}
