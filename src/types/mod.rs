//! The data types: each a choice of key, value, writes and reads. Merging, deltas, operations and
//! bytes are the kernel's.

mod bounded_counter;
mod claims;
pub(crate) mod conflict;
mod dw_flag;
mod ew_flag;
mod g_counter;
mod group;
mod ledger;
mod lww_map;
mod lww_register;
mod mv_register;
mod or_set;
mod pn_counter;
mod resolver;
mod stamped;
mod transfer;
mod versioned_record;

pub(crate) use bounded_counter::Entry;
pub use bounded_counter::{BoundedCounter, BoundedCounterBody, BoundedCounterMut, Escrow, EscrowError};
pub use claims::{ClaimError, Claiming, Claims, ClaimsBody, ClaimsMut, Seat};
pub(crate) use claims::{ClaimKey, Statement};
pub use conflict::{Conflict, ConflictKind, Settled, Version};
pub use dw_flag::{DisableWins, DwFlag, DwFlagBody, DwFlagMut};
pub use ew_flag::{EnableWins, EwFlag, EwFlagBody, EwFlagMut};
pub use g_counter::{GCounter, GCounterBody, GCounterMut, Growing, Overflow};
pub use group::{Group, GroupError, Grouped};
pub use ledger::{
    Dispute, Effect, Ledger, LedgerBody, LedgerMut, RecordError, Recorded, Recording, Request, RequestId,
};
pub(crate) use ledger::{LedgerEvent, LedgerKey};
pub use lww_map::{LastWriteWins, LwwMap, MapBody, MapMut};
pub use lww_register::{Latest, LwwRegister, LwwRegisterBody, LwwRegisterMut};
pub(crate) use mv_register::Plain;
pub use mv_register::{MultiValue, MvRegister, MvRegisterBody, MvRegisterMut};
pub use or_set::{AddWins, OrSet, SetBody, SetMut};
pub(crate) use pn_counter::Count;
pub use pn_counter::{Counting, PnCounter, PnCounterBody, PnCounterMut};
pub use resolver::{ResolveError, Resolved, Resolver};
pub use stamped::Stamped;
pub use transfer::{Balances, Transfer};
pub use versioned_record::{
    Ask, DeletePolicy, DeleteWins, Deletes, RecordBody, RecordKey, RecordMut, RecordWith, UpdateWins, Versioned,
    VersionedRecord,
};
pub(crate) use versioned_record::{Choice as RecordChoice, FieldEvent};

/// Tags of the kinds in the format. Never reuse one.
pub(crate) mod tag {
    pub(crate) const G_COUNTER: u8 = 1;
    pub(crate) const PN_COUNTER: u8 = 2;
    pub(crate) const LWW_REGISTER: u8 = 3;
    pub(crate) const MV_REGISTER: u8 = 4;
    pub(crate) const EW_FLAG: u8 = 5;
    pub(crate) const DW_FLAG: u8 = 6;
    pub(crate) const OR_SET: u8 = 7;
    pub(crate) const LWW_MAP: u8 = 8;
    pub(crate) const VERSIONED_RECORD: u8 = 9;
    pub(crate) const STORE: u8 = 10;
    pub(crate) const LEDGER: u8 = 12;
    pub(crate) const CLAIMS: u8 = 13;
    pub(crate) const BOUNDED_COUNTER: u8 = 11;
}
