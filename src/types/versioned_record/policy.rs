/// Who wins where one deletes a record, or a field, and another changes it at the same time.
///
/// It is a policy of reading, fixed for a type of record: events and bytes are the same under all three, so replicas that
/// choose differently hold the same state and read it differently. Whatever the policy, the conflict is listed until it
/// is settled, and nothing is lost.
pub trait DeletePolicy: Sized + Send + Sync + 'static {
    /// Which.
    const POLICY: Deletes;
}

/// The policies of [`DeletePolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deletes {
    /// [`UpdateWins`].
    UpdateWins,
    /// [`DeleteWins`].
    DeleteWins,
    /// [`Ask`].
    Ask,
}

/// The update wins: the record survives with the change, and what was deleted with it comes back.
#[derive(Debug)]
pub enum UpdateWins {}

/// The deletion wins: a field shows nothing as long as it, or the record as a whole, has the mark of a deletion.
///
/// Writing a field makes the record anew, without what was deleted: what the deletion had not seen of other fields is
/// marked as deleted, too. [`restore`](crate::VersionedRecord::restore) keeps it instead.
#[derive(Debug)]
pub enum DeleteWins {}

/// Nobody wins: what is undecided shows no value, and reads with a resolver show all versions.
///
/// It is decided by a write: any field that is written, or [`restore`](crate::VersionedRecord::restore), keeps the
/// record, and [`delete`](crate::VersionedRecord::delete) deletes it.
#[derive(Debug)]
pub enum Ask {}

impl DeletePolicy for UpdateWins {
    const POLICY: Deletes = Deletes::UpdateWins;
}

impl DeletePolicy for DeleteWins {
    const POLICY: Deletes = Deletes::DeleteWins;
}

impl DeletePolicy for Ask {
    const POLICY: Deletes = Deletes::Ask;
}
