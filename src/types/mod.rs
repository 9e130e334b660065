//! The data types: each a choice of key, value, writes and reads. Merging, deltas, operations and
//! bytes are the kernel's.

mod conflict;
mod dw_flag;
mod ew_flag;
mod g_counter;
mod lww_map;
mod lww_register;
mod mv_register;
mod or_set;
mod pn_counter;
mod stamped;
mod versioned_record;

pub use conflict::{Conflict, ConflictKind, Resolver, Version};
pub use dw_flag::{DisableWins, DwFlag, DwFlagBody, DwFlagMut};
pub use ew_flag::{EnableWins, EwFlag, EwFlagBody, EwFlagMut};
pub use g_counter::{GCounter, GCounterBody, GCounterMut, Growing, Overflow};
pub use lww_map::{LastWriteWins, LwwMap, MapBody, MapMut};
pub use lww_register::{Latest, LwwRegister, LwwRegisterBody, LwwRegisterMut};
pub use mv_register::{MultiValue, MvRegister, MvRegisterBody, MvRegisterMut};
pub use or_set::{AddWins, OrSet, SetBody, SetMut};
pub use pn_counter::{Counting, PnCounter, PnCounterBody, PnCounterMut};
pub use stamped::Stamped;
pub use versioned_record::{RecordBody, RecordKey, RecordMut, Versioned, VersionedRecord};

/// Tags of the kinds in the format. Never reuse one.
mod tag {
    pub(super) const G_COUNTER: u8 = 1;
    pub(super) const PN_COUNTER: u8 = 2;
    pub(super) const LWW_REGISTER: u8 = 3;
    pub(super) const MV_REGISTER: u8 = 4;
    pub(super) const EW_FLAG: u8 = 5;
    pub(super) const DW_FLAG: u8 = 6;
    pub(super) const OR_SET: u8 = 7;
    pub(super) const LWW_MAP: u8 = 8;
    pub(super) const VERSIONED_RECORD: u8 = 9;
}
