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
}

/** Writes that answer with what they settled. */
export const enum Settle {
  All = 1,
  One,
  Restore,
}

/** What a member of a group does. */
export const enum Act {
  Receive = 1,
  Tick,
  Timeout,
  Transmit,
  Event,
  Join,
  Leave,
  Retire,
  Topology,
  Persisted,
  Confirm,
  Rebase,
  Stop,
}
