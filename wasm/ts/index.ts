/**
 * Conflict-free replicated data types: every replica accepts writes on its own, and all converge.
 *
 * @packageDocumentation
 */
export {
  CrdtError,
  type CrdtErrorCode,
  FullError,
  InsufficientRightsError,
  type Largest,
  type Room,
  TooLargeError,
} from "./error.js";
export type { Data, DataObject } from "./wire.js";
export type { Change, ChangeBatch, ValueKind, Version } from "./changes.js";
export type { Conflict, ConflictPlace, DeletePolicy, Resolver, Settled } from "./conflicts.js";
export { type Applied, type Limits, Store, type StoreOptions, type Unsubscribe } from "./store.js";
export { Conflicting, Counter, Flag, Handle, MultiRegister, Register, SetHandle, Shown } from "./handles.js";
export { LwwMapHandle, RecordHandle, type RecordOptions } from "./keyed.js";
export { BoundedCounterHandle, type RightsHolder } from "./bounded.js";
export {
  type Dispute,
  LedgerHandle,
  type Recorded,
  type RequestId,
  type RequestState,
  type RequestVersion,
  type Transfer,
} from "./ledger.js";
export { type Claim, ClaimsHandle, type ClaimsOptions, type Reservation, Reservations, type Seat } from "./claims.js";
export { ConflictLog, type ConflictLogOptions, type LogEntry, type LogKeys, type LogPlace } from "./conflict-log.js";
export {
  BoundedCounter,
  Claims,
  DwFlag,
  EwFlag,
  GCounter,
  Ledger,
  LwwMap,
  LwwRegister,
  MvRegister,
  OrSet,
  PnCounter,
  type Replicated,
  VersionedRecord,
} from "./single.js";
export {
  type Bounds,
  decodeVersion,
  type Level,
  type Role,
  type Member,
  type Rebalancing,
  type Refusal,
  Replica,
  type ReplicaEvent,
  type ReplicaOptions,
  type Timing,
  type Topology,
  type Transmit,
} from "./replica.js";
export { Inbox, type InboxOptions, type Received, type Receiver } from "./inbox.js";
export { initialise } from "./core.js";
