/**
 * Keeps stores the same over links: `Sync` with `WebSocketLink` and `BroadcastLink`; `Link` for your own.
 *
 * @packageDocumentation
 */
export { BroadcastLink } from "./broadcast.js";
export { decodeFrame, encodeFrame, type Frame, FrameKind, helloOf, readHello } from "./frame.js";
export type { Link, LinkListener, LinkState } from "./link.js";
export { Presence, type PresenceOptions, type Present } from "./presence.js";
export type { StorageState } from "./saver.js";
export { Sync, type SyncOptions } from "./session.js";
export type { LinkStatus, PeerStatus, SyncStatus } from "./status.js";
export { type Socket, WebSocketLink, type WebSocketOptions } from "./websocket.js";
