/** Smaller objects are made anew. */
const FEW = 1_024;
const CHUNKS = 512;

/** Objects that share what did not change with the one before. */
const chunksOf = new WeakMap<object, Chunks<unknown>>();

/** An object of so many keys that the next one shall share with it what has not changed; others stay as they are. @internal */
export function shared<T>(object: { readonly [key: string]: T }): { readonly [key: string]: T } {
  const entries = Object.entries(object);
  return entries.length < FEW ? object : shownBy(Chunks.of(entries));
}

/**
 * The same but for some keys, `undefined` for those that are gone. Costs O(changes), and a little of the rest. Nothing, if it
 * has to be made anew.
 *
 * @internal
 */
export function changed<T>(
  object: object,
  changes: Iterable<readonly [string, T | undefined]>,
): { readonly [key: string]: T } | undefined {
  const chunks = chunksOf.get(object)?.with(changes);
  return chunks === undefined || chunks.size < FEW / 2 ? undefined : (shownBy(chunks) as { readonly [key: string]: T });
}

/** Entries in many small maps, none of which ever changes. */
class Chunks<T> {
  readonly size: number;
  readonly #table: readonly ReadonlyMap<string, T>[];
  #keys: string[] | undefined;

  private constructor(table: readonly ReadonlyMap<string, T>[], size: number) {
    this.#table = table;
    this.size = size;
  }

  static of<T>(entries: readonly (readonly [string, T])[]): Chunks<T> {
    const table = Array.from({ length: CHUNKS }, () => new Map<string, T>());
    for (const [key, value] of entries) table[chunkOf(key)]!.set(key, value);
    return new Chunks(table, entries.length);
  }

  with(changes: Iterable<readonly [string, T | undefined]>): Chunks<T> {
    const table = [...this.#table];
    const copies = new Map<number, Map<string, T>>();
    let { size } = this;
    for (const [key, value] of changes) {
      const at = chunkOf(key);
      const copy = copies.get(at) ?? new Map(table[at]!);
      copies.set(at, copy);
      size -= copy.size;
      if (value === undefined) copy.delete(key);
      else copy.set(key, value);
      size += copy.size;
    }
    for (const [at, copy] of copies) table[at] = copy;
    return new Chunks(table, size);
  }

  has(key: string): boolean {
    return this.#table[chunkOf(key)]!.has(key);
  }

  get(key: string): T | undefined {
    return this.#table[chunkOf(key)]!.get(key);
  }

  keys(): string[] {
    this.#keys ??= this.#table.flatMap((chunk) => [...chunk.keys()]).sort();
    return this.#keys;
  }
}

function chunkOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0;
  return (hash ^ (hash >>> 15)) & (CHUNKS - 1);
}

/** What reads like a frozen object with these entries. */
function shownBy<T>(chunks: Chunks<T>): { readonly [key: string]: T } {
  const isOwn = (key: string | symbol): key is string => typeof key === "string" && chunks.has(key);
  const refused = (): boolean => false;
  const target: { [key: string | symbol]: T } = {};
  const object = new Proxy(target, {
    get: (target, key) => (isOwn(key) ? chunks.get(key) : Reflect.get(target, key)),
    has: (target, key) => isOwn(key) || Reflect.has(target, key),
    ownKeys: () => chunks.keys(),
    getOwnPropertyDescriptor: (_, key) =>
      isOwn(key) ? { value: chunks.get(key), enumerable: true, configurable: true, writable: false } : undefined,
    set: refused,
    defineProperty: refused,
    deleteProperty: refused,
    setPrototypeOf: refused,
    preventExtensions: refused,
  });
  // Node looks at what stands behind a proxy.
  const inspect = Symbol.for("nodejs.util.inspect.custom");
  Object.defineProperty(target, inspect, { value: () => ({ ...object }), configurable: true });
  chunksOf.set(object, chunks);
  return object;
}
