/// Who wins where one deletes a record, or a field, and another changes it at the same time.
///
/// It is a policy of reading, fixed for a type of record: events and bytes are the same under all three, so replicas that
/// choose differently hold the same state and read it differently. Whatever the policy, the conflict is listed until it
/// is settled, and nothing is lost.
pub trait DeletePolicy: Copy + Default + Send + Sync + 'static {
    /// Which.
    fn deletes(self) -> Deletes;
}

/// The policies of [`DeletePolicy`]; as a policy itself, one that is chosen at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Deletes {
    /// [`UpdateWins`].
    #[default]
    UpdateWins,
    /// [`DeleteWins`].
    DeleteWins,
    /// [`Ask`].
    Ask,
}

/// The update wins: the record survives with the change, and what was deleted with it comes back.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpdateWins;

/// The deletion wins: a field shows nothing as long as it, or the record as a whole, has the mark of a deletion.
///
/// Writing a field makes the record anew, without what was deleted: what the deletion had not seen of other fields is
/// marked as deleted, too. [`restore`](crate::VersionedRecord::restore) keeps it instead.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeleteWins;

/// Nobody wins: what is undecided shows no value, and reads with a resolver show all versions.
///
/// It is decided by a write: any field that is written, or [`restore`](crate::VersionedRecord::restore), keeps the
/// record, and [`delete`](crate::VersionedRecord::delete) deletes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask;

impl DeletePolicy for UpdateWins {
    fn deletes(self) -> Deletes {
        Deletes::UpdateWins
    }
}

impl DeletePolicy for DeleteWins {
    fn deletes(self) -> Deletes {
        Deletes::DeleteWins
    }
}

impl DeletePolicy for Ask {
    fn deletes(self) -> Deletes {
        Deletes::Ask
    }
}

impl DeletePolicy for Deletes {
    fn deletes(self) -> Deletes {
        self
    }
}
