import type { CrdtError, ReplicaEvent } from "../index.js";
import type { LinkState } from "./link.js";
import type { StorageState } from "./saver.js";

/** How things are, at a glance. */
export interface SyncStatus {
  /**
   * * `offline`: no link is open.
   * * `connecting`: nobody was met yet, or a link is being opened.
   * * `pending`: somebody is there who is not known to have the same.
   * * `in-sync`: all who are there have the same.
   */
  readonly state: "offline" | "connecting" | "pending" | "in-sync";
  readonly links: readonly LinkStatus[];
  /** Those who are there, in the order of their ids. */
  readonly peers: readonly PeerStatus[];
  /** How many conflicts wait to be settled. */
  readonly conflicts: number;
  readonly storage: {
    readonly state: StorageState;
    /** Why it fails: `quota` or `storage`. With `saved`: why some of what is stored cannot be read or put together. */
    readonly error?: CrdtError;
  };
  /** The last thing that went wrong and needs attention: see `Replica`. */
  readonly problem?: CrdtError | ReplicaEvent;
}

export interface LinkStatus {
  readonly name: string;
  readonly state: LinkState;
  readonly error?: CrdtError;
}

export interface PeerStatus {
  readonly peer: string;
  /** By which link. */
  readonly link: string;
  readonly isInSync: boolean;
}

/** What they have in common, to see whether anything changed. */
export function print(status: SyncStatus): string {
  return JSON.stringify(status, (_, value: unknown) => (value instanceof Error ? value.message : value));
}

export function stateOf(links: readonly LinkStatus[], peers: readonly PeerStatus[]): SyncStatus["state"] {
  if (peers.length > 0) return peers.every((peer) => peer.isInSync) ? "in-sync" : "pending";
  return links.some(({ state }) => state !== "closed") ? "connecting" : "offline";
}
