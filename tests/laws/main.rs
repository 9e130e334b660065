//! The laws, run on every type, on tuples, and on types of a user; and proof that they catch types
//! that lack one.

#![cfg(feature = "quickcheck")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::catch_unwind;

use dotted::laws::{self, Generate, GenerateBody, Law, Outcome, Replicas};
use dotted::*;
use quickcheck::{Arbitrary, Gen};

mod forged_bytes;
mod operations;
mod reads;
mod wrappers;

mod every_type_obeys_all_laws {
    use super::*;

    macro_rules! types {
        ($($name:ident: $type:ty),+ $(,)?) => {
            $(#[test]
            fn $name() {
                laws::delta_crdt::<$type>();
            })+
        };
    }

    types! {
        g_counter: GCounter,
        pn_counter: PnCounter,
        lww_register: LwwRegister<u8>,
        mv_register: MvRegister<Option<String>>,
        ew_flag: EwFlag,
        dw_flag: DwFlag,
        or_set_of_numbers: OrSet<u8>,
        or_set_of_text: OrSet<String>,
        or_set_of_nothing: OrSet<()>,
        lww_map_of_numbers: LwwMap<u8, u16>,
        lww_map_of_text: LwwMap<String, String>,
        versioned_record: VersionedRecord<u8>,
        versioned_record_where_deletions_win: RecordWith<u8, DeleteWins>,
        versioned_record_that_asks: RecordWith<u8, Ask>,
        versioned_record_with_groups: VersionedRecord<Grouped<u8>>,
        ledger: Ledger<Transfer>,
        claims: Claims<u8>,
        bounded_counter: BoundedCounter,
        between_two_bounds: Causal<(BoundedCounterBody, BoundedCounterBody)>,
        store: Store,
        tuple_with_a_store: Causal<(SetBody<u8>, StoreBody)>,
        tuple: Causal<(SetBody<u8>, PnCounterBody, MapBody<u8, u16>)>,
        tuple_of_four: Causal<(GCounterBody, (EwFlagBody, DwFlagBody), RecordBody<u8>, LwwRegisterBody<u8>)>,
    }

    /// Values that share no history at all.
    #[test]
    fn independent_values() {
        laws::crdt::<OrSet<u8>>();
        laws::crdt::<PnCounter>();
        laws::crdt::<VersionedRecord<u8>>();
    }
}

mod types_of_a_user {
    use super::*;

    #[test]
    fn a_maximum_obeys_the_laws() {
        laws::crdt::<Highest>();
    }

    #[test]
    fn a_growing_set_obeys_the_laws() {
        laws::crdt::<Growing>();
    }

    #[derive(Clone, Debug)]
    struct Highest(u64);

    impl Crdt for Highest {
        fn merge(&mut self, other: &Self) -> Applied {
            let changed = other.0 > self.0;
            self.0 = self.0.max(other.0);
            Applied::from_changed(changed)
        }

        fn same_state(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Arbitrary for Highest {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(u64::arbitrary(g))
        }
    }

    #[derive(Clone, Debug)]
    struct Growing(BTreeSet<u8>);

    impl Crdt for Growing {
        fn merge(&mut self, other: &Self) -> Applied {
            let before = self.0.len();
            self.0.extend(&other.0);
            Applied::from_changed(self.0.len() > before)
        }

        fn same_state(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Arbitrary for Growing {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(BTreeSet::arbitrary(g))
        }

        fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
            Box::new(self.0.shrink().map(Self))
        }
    }
}

mod a_type_that_lacks_a_law_is_caught {
    use super::*;

    /// A number with a merge of the test's choice.
    macro_rules! wrong {
        ($name:ident, $law:ident, $merge:expr) => {
            wrong!($name, $law, $merge, |a: u32, b: u32| a == b);
        };
        ($name:ident, $law:ident, $merge:expr, $same:expr) => {
            #[test]
            fn $name() {
                #[derive(Clone, Debug)]
                struct Wrong(u32);

                impl Crdt for Wrong {
                    fn merge(&mut self, other: &Self) -> Applied {
                        let merge: fn(u32, u32) -> (u32, bool) = $merge;
                        let (merged, changed) = merge(self.0, other.0);
                        self.0 = merged;
                        Applied::from_changed(changed)
                    }

                    fn same_state(&self, other: &Self) -> bool {
                        let same: fn(u32, u32) -> bool = $same;
                        same(self.0, other.0)
                    }
                }

                impl Arbitrary for Wrong {
                    fn arbitrary(g: &mut Gen) -> Self {
                        Self(u32::from(u8::arbitrary(g) % 8))
                    }

                    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
                        Box::new(self.0.shrink().map(Self))
                    }
                }

                assert_eq!(caught(laws::crdt::<Wrong>), Some(Law::$law));
            }
        };
    }

    wrong!(overwriting_is_not_commutative, Commutative, |a, b| (b, a != b));
    wrong!(adding_is_not_idempotent, Idempotent, |a, b| (a.wrapping_add(b), b != 0));
    wrong!(averaging_is_not_associative, Associative, |a, b| ((a + b).div_ceil(2), a != b));
    wrong!(never_reporting_is_not_truthful, Truthful, |a, b| (a.max(b), false));
    wrong!(always_reporting_is_not_truthful, Truthful, |a, b| (a.max(b), true));
    wrong!(reporting_every_difference_is_not_truthful, Truthful, |a, b| (a.max(b), a != b));
    wrong!(
        nearly_equal_is_no_equivalence,
        SameState,
        |a, b| (a.max(b), !(b.saturating_sub(1)..=b + 1).contains(&a) && b > a),
        |a, b| a.abs_diff(b) <= 1
    );

    #[test]
    fn the_laws_can_be_asked_one_by_one() {
        let law = |outcome: Outcome| outcome.map_err(|violation| violation.law);
        let wrong = Last(1, 5);
        assert_eq!(law(laws::commutative(&wrong, &Last(2, 5))), Err(Law::Commutative));
        assert_eq!(law(laws::commutative(&wrong, &Last(2, 6))), Ok(()));
        assert_eq!(law(laws::idempotent(&wrong)), Ok(()));
    }

    /// The classic mistake: the last write wins, and of two at the same time the one that came last.
    #[derive(Clone, Debug)]
    struct Last(u32, u64);

    impl Crdt for Last {
        fn merge(&mut self, other: &Self) -> Applied {
            let newer = other.1 >= self.1 && other.0 != self.0;
            if newer {
                *self = other.clone();
            }
            Applied::from_changed(newer)
        }

        fn same_state(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
}

/// Breaks the kernel's rules one by one: the laws alone, which know none of them, notice it.
#[cfg(feature = "mutants")]
mod a_kernel_that_lacks_a_rule_is_caught {
    use dotted::mutants::{Mutant, with};

    use super::*;

    /// Rules whose breach shows in a few random histories. The others need their fixed histories.
    macro_rules! mutants {
        ($($name:ident: $mutant:ident in $type:ty),+ $(,)?) => {
            $(#[test]
            fn $name() {
                let broken = || with(Mutant::$mutant, laws::delta_crdt::<$type>);
                assert!(notices(broken));
            })+
        };
    }

    mutants! {
        losers_dropped_at_merge: DropLosersOnMerge in LwwMap<u8, u16>,
        gaps_ignored: IgnoreGap in OrSet<u8>,
        only_new_events_listed: ListOnlyNewEvents in OrSet<u8>,
        known_events_inserted: InsertKnownEvents in OrSet<u8>,
        superseded_events_kept: KeepSuperseded in OrSet<u8>,
        removals_without_dots: RemovalTakesNoDot in OrSet<u8>,
        slot_cached_for_another_writer: CacheIgnoresWriter in OrSet<u8>,
        slot_cached_for_another_value: CacheIgnoresCounter in OrSet<u8>,
        counts_without_branch: CountsIgnoreBranch in PnCounter,
        floor_not_raised: FloorStays in OrSet<u8>,
        floor_not_joined: NoFloorJoin in OrSet<u8>,
        no_live_set: NoLiveSet in OrSet<u8>,
        floor_not_checked: NoFloorCheck in OrSet<u8>,
        one_dot_per_group: OneDotPerGroup in OrSet<u8>,
    }

    #[test]
    fn ties_broken_by_slot() {
        let broken = || with(Mutant::TiesBySlot, reads::every_step_reads_alike::<LwwMap<u8, u16>>);
        assert!(notices(broken));
    }

    #[test]
    fn dependencies_ignored() {
        let broken = || with(Mutant::IgnoreDependencies, operations::all_forms_agree::<SetBody<u8>>);
        assert!(notices(broken));
    }
}

/// How often a random check may look for a flaw: a single run may miss one, so many never do.
const RUNS: usize = 50;

/// Whether a random check complains.
fn notices(check: impl Fn() + std::panic::RefUnwindSafe) -> bool {
    (0..RUNS).any(|_| catch_unwind(&check).is_err())
}

/// Which law a check complains about, if it does.
fn caught(check: fn()) -> Option<Law> {
    let panic = (0..RUNS).find_map(|_| catch_unwind(check).err())?;
    let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    let all = [
        Law::SameState,
        Law::Idempotent,
        Law::Commutative,
        Law::Associative,
        Law::Inflationary,
        Law::Truthful,
        Law::EmptyIsNeutral,
        Law::MergeJoinsVersions,
        Law::VersionIsDigest,
        Law::DeltaIsMerge,
        Law::DeltaIdempotent,
        Law::DeltasCommute,
        Law::RefusalChangesNothing,
        Law::EncodingRoundTrips,
        Law::DeltaEncodingRoundTrips,
        Law::CompactionIsInvisible,
        Law::DamageIsRefused,
    ];
    let named = |law: &Law| message.contains(&format!("Error: {law:?}: "));
    let found = all.into_iter().find(named);
    assert!(found.is_some(), "a panic that names no law: {message}");
    found
}
