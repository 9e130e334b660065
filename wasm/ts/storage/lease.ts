/** A name that nobody else has, as long as it is held. */
export interface Lease {
  readonly name: string;
  release(): void;
}

/** The part of `navigator.locks` that is needed. */
export type Locks = Pick<LockManager, "request">;

/** Web Locks, where there are any. */
export function webLocks(): Locks | undefined {
  return typeof navigator === "object" ? navigator.locks : undefined;
}

/** Takes the first name that is free. Locks end with the page that holds them, however it ends. */
export async function leaseOneOf(locks: Locks, prefix: string, names: readonly string[]): Promise<Lease | undefined> {
  for (const name of names) {
    const lease = await tryLease(locks, prefix, name);
    if (lease !== undefined) return lease;
  }
  return undefined;
}

function tryLease(locks: Locks, prefix: string, name: string): Promise<Lease | undefined> {
  return new Promise((resolve, reject) => {
    const held = locks.request(prefix + name, { ifAvailable: true }, (lock) => {
      if (lock === null) return resolve(undefined);
      return new Promise<void>((release) => {
        resolve({ name, release });
      });
    });
    held.catch(reject);
  });
}
