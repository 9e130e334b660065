// The numbers of what can be asked for: the same as in `src/names.rs`. They are inlined.

/** Writes. */
export const enum Write {
  CounterIncrement = 1,
  CounterDecrement,
  CounterReset,
  RegisterSet,
  RegisterClear,
  MultiSet,
  MultiClear,
  FlagEnable,
  FlagDisable,
  SetAdd,
  SetDelete,
  SetClear,
  MapSet,
  MapDelete,
  MapClear,
  RecordSet,
  RecordDelete,
  RecordClear,
  RecordErase,
  RecordPurge,
  Remove,
  RecordMembers,
  BoundedIncrement,
  BoundedDecrement,
  BoundedTransfer,
  BoundedAnnounce,
  Resolve,
  LedgerResolve,
  LedgerDismiss,
  LedgerFold,
  ClaimsClaim,
  ClaimsRelease,
  ClaimsAcknowledge,
}

/** Questions that a number answers. */
export const enum Ask {
  Counter = 1,
  Flag,
  MultiSize,
  SetSize,
  SetHas,
  MapSize,
  MapHas,
  RecordSize,
  RecordHas,
}

/** Questions that bytes answer. */
export const enum Read {
  Counter = 1,
  Register,
  RegisterVersions,
  Multi,
  MultiVersions,
  Set,
  MapGet,
  Map,
  MapVersions,
  RecordGet,
  Record,
  RecordVersions,
  Names,
  Conflicts,
  Version,
  Clock,
  State,
  View,
  Hash,
  Writer,
  RecordOfWriter,
  Last,
  DecodedVersion,
  Members,
  KnownOf,
  RecordMember,
  Bounded,
  BoundedRights,
  BoundedRightsOf,
  BoundedHolders,
  LedgerGet,
  LedgerTotal,
  LedgerRequests,
  LedgerDisputes,
  ClaimsSeats,
  ClaimsStanding,
  Digest,
  Conflict,
  ClaimsClaimed,
}

/** Writes that answer with what they did. */
export const enum Settle {
  All = 1,
  One,
  Restore,
  Record,
}

/** What is done with a group that spans several calls. */
export const enum Group {
  Begin,
  Keep,
  TakeBack,
}

/** What a member of a group does. */
export const enum Act {
  Receive = 1,
  Tick,
  Timeout,
  Transmit,
  Event,
  Join,
  Disconnected,
  Retire,
  Topology,
  Persisted,
  Confirm,
  Rebase,
  Stop,
  Connected,
  Undelivered,
}
