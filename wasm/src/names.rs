//! The numbers of what can be asked for. `ts/names.ts` has the same ones.

/// Writes.
pub mod write {
    pub const COUNTER_INCREMENT: u8 = 1;
    pub const COUNTER_DECREMENT: u8 = 2;
    pub const COUNTER_RESET: u8 = 3;
    pub const REGISTER_SET: u8 = 4;
    pub const REGISTER_CLEAR: u8 = 5;
    pub const MULTI_SET: u8 = 6;
    pub const MULTI_CLEAR: u8 = 7;
    pub const FLAG_ENABLE: u8 = 8;
    pub const FLAG_DISABLE: u8 = 9;
    pub const SET_ADD: u8 = 10;
    pub const SET_DELETE: u8 = 11;
    pub const SET_CLEAR: u8 = 12;
    pub const MAP_SET: u8 = 13;
    pub const MAP_DELETE: u8 = 14;
    pub const MAP_CLEAR: u8 = 15;
    pub const RECORD_SET: u8 = 16;
    pub const RECORD_DELETE: u8 = 17;
    pub const RECORD_CLEAR: u8 = 18;
    pub const RECORD_ERASE: u8 = 19;
    pub const RECORD_PURGE: u8 = 20;
    pub const REMOVE: u8 = 21;
    pub const RECORD_MEMBERS: u8 = 22;
    pub const BOUNDED_INCREMENT: u8 = 23;
    pub const BOUNDED_DECREMENT: u8 = 24;
    pub const BOUNDED_TRANSFER: u8 = 25;
    pub const BOUNDED_ANNOUNCE: u8 = 26;
    pub const RESOLVE: u8 = 27;
    pub const LEDGER_RESOLVE: u8 = 28;
    pub const LEDGER_DISMISS: u8 = 29;
    pub const LEDGER_FOLD: u8 = 30;
    pub const CLAIMS_CLAIM: u8 = 31;
    pub const CLAIMS_RELEASE: u8 = 32;
    pub const CLAIMS_ACKNOWLEDGE: u8 = 33;
}

/// Questions that a number answers.
pub mod ask {
    pub const COUNTER: u8 = 1;
    pub const FLAG: u8 = 2;
    pub const MULTI_SIZE: u8 = 3;
    pub const SET_SIZE: u8 = 4;
    pub const SET_HAS: u8 = 5;
    pub const MAP_SIZE: u8 = 6;
    pub const MAP_HAS: u8 = 7;
    pub const RECORD_SIZE: u8 = 8;
    pub const RECORD_HAS: u8 = 9;
}

/// Questions that bytes answer.
pub mod read {
    pub const COUNTER: u8 = 1;
    pub const REGISTER: u8 = 2;
    pub const REGISTER_VERSIONS: u8 = 3;
    pub const MULTI: u8 = 4;
    pub const MULTI_VERSIONS: u8 = 5;
    pub const SET: u8 = 6;
    pub const MAP_GET: u8 = 7;
    pub const MAP: u8 = 8;
    pub const MAP_VERSIONS: u8 = 9;
    pub const RECORD_GET: u8 = 10;
    pub const RECORD: u8 = 11;
    pub const RECORD_VERSIONS: u8 = 12;
    pub const NAMES: u8 = 13;
    pub const CONFLICTS: u8 = 14;
    pub const VERSION: u8 = 15;
    pub const CLOCK: u8 = 16;
    pub const STATE: u8 = 17;
    pub const VIEW: u8 = 18;
    pub const HASH: u8 = 19;
    pub const WRITER: u8 = 20;
    pub const RECORD_OF_WRITER: u8 = 21;
    pub const LAST: u8 = 22;
    pub const DECODED_VERSION: u8 = 23;
    pub const MEMBERS: u8 = 24;
    pub const KNOWN_OF: u8 = 25;
    pub const RECORD_MEMBER: u8 = 26;
    pub const BOUNDED: u8 = 27;
    pub const BOUNDED_RIGHTS: u8 = 28;
    pub const BOUNDED_RIGHTS_OF: u8 = 29;
    pub const BOUNDED_HOLDERS: u8 = 30;
    pub const LEDGER_GET: u8 = 31;
    pub const LEDGER_TOTAL: u8 = 32;
    pub const LEDGER_REQUESTS: u8 = 33;
    pub const LEDGER_DISPUTES: u8 = 34;
    pub const CLAIMS_SEATS: u8 = 35;
    pub const CLAIMS_STANDING: u8 = 36;
    pub const DIGEST: u8 = 37;
    pub const CONFLICT: u8 = 38;
    pub const CLAIMS_CLAIMED: u8 = 39;
}

/// Writes that answer with what they did.
pub mod settle {
    pub const ALL: u8 = 1;
    pub const ONE: u8 = 2;
    pub const RESTORE: u8 = 3;
    pub const RECORD: u8 = 4;
}

/// What a member of a group does.
pub mod act {
    pub const RECEIVE: u8 = 1;
    pub const TICK: u8 = 2;
    pub const TIMEOUT: u8 = 3;
    pub const TRANSMIT: u8 = 4;
    pub const EVENT: u8 = 5;
    pub const JOIN: u8 = 6;
    pub const DISCONNECTED: u8 = 7;
    pub const RETIRE: u8 = 8;
    pub const TOPOLOGY: u8 = 9;
    pub const PERSISTED: u8 = 10;
    pub const CONFIRM: u8 = 11;
    pub const REBASE: u8 = 12;
    pub const STOP: u8 = 13;
    pub const CONNECTED: u8 = 14;
    pub const UNDELIVERED: u8 = 15;
}
