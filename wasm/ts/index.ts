/**
 * Conflict-free replicated data types: every replica accepts writes on its own, and all converge.
 *
 * @packageDocumentation
 */
export { CrdtError, type CrdtErrorCode, InsufficientRightsError } from "./error.js";
export type { Data, DataObject } from "./wire.js";
export type { Change, ChangeBatch, ValueKind, Version } from "./changes.js";
export type { Conflict, DeletePolicy, Resolver, Settled } from "./conflicts.js";
export { type Applied, Store, type StoreOptions, type Unsubscribe } from "./store.js";
export { Conflicting, Counter, Flag, Handle, MultiRegister, Register, SetHandle, Shown } from "./handles.js";
export { LwwMapHandle, RecordHandle, type RecordOptions } from "./keyed.js";
export { BoundedCounterHandle, type RightsHolder } from "./bounded.js";
export {
  BoundedCounter,
  DwFlag,
  EwFlag,
  GCounter,
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
  type Member,
  type Refusal,
  Replica,
  type ReplicaEvent,
  type ReplicaOptions,
  type Timing,
  type Topology,
  type Transmit,
} from "./replica.js";
export { initialise } from "./core.js";
