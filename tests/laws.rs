//! The laws, run on every type, on tuples, and on types of a user; and proof that they catch types
//! that lack one.

#![cfg(feature = "quickcheck")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::catch_unwind;

use dotted::laws::{self, Generate, GenerateBody, Law, Outcome, Replicas};
use dotted::*;
use quickcheck::{Arbitrary, Gen};

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
        lww_register_of_numbers: LwwRegister<u16>,
        lww_register_of_text: LwwRegister<String>,
        mv_register_of_numbers: MvRegister<u16>,
        mv_register_of_options: MvRegister<Option<String>>,
        ew_flag: EwFlag,
        dw_flag: DwFlag,
        or_set_of_bytes: OrSet<u8>,
        or_set_of_numbers: OrSet<u64>,
        or_set_of_text: OrSet<String>,
        or_set_of_pairs: OrSet<(bool, u8)>,
        or_set_of_nothing: OrSet<()>,
        lww_map_of_numbers: LwwMap<u8, u16>,
        lww_map_of_text: LwwMap<String, String>,
        versioned_record_of_numbers: VersionedRecord<u16>,
        versioned_record_of_text: VersionedRecord<String>,
        tuple: Causal<(SetBody<u8>, PnCounterBody, MapBody<u8, u16>)>,
        tuple_of_tuples: Causal<((EwFlagBody, DwFlagBody), RecordBody<u8>)>,
        four: Causal<(GCounterBody, LwwRegisterBody<u8>, MvRegisterBody<u8>, SetBody<String>)>,
    }

    /// Values that share no history at all.
    #[test]
    fn independent_values() {
        laws::crdt::<OrSet<u8>>();
        laws::crdt::<PnCounter>();
        laws::crdt::<VersionedRecord<u8>>();
    }
}

/// What is read is a function of the version, too: values in order, winners and conflicts.
mod reads {
    use super::*;

    #[test]
    fn equal_versions_read_alike() {
        every_step_reads_alike::<PnCounter>();
        every_step_reads_alike::<MvRegister<u8>>();
        every_step_reads_alike::<LwwRegister<u8>>();
        every_step_reads_alike::<DwFlag>();
        every_step_reads_alike::<OrSet<u8>>();
        every_step_reads_alike::<LwwMap<u8, u8>>();
        every_step_reads_alike::<VersionedRecord<u8>>();
        every_step_reads_alike::<Causal<(RecordBody<u8>, MapBody<u8, u8>)>>();
    }

    #[test]
    fn equal_versions_have_equal_conflicts() {
        check(|one: &LwwMap<u8, u8>, other| one.conflicts() == other.conflicts());
        check(|one: &LwwRegister<u8>, other| one.conflict() == other.conflict());
        check(|one: &VersionedRecord<u8>, other| one.conflicts() == other.conflicts());
    }

    pub fn every_step_reads_alike<C: Generate + Debug>() {
        check(|one: &C, other| format!("{one:?}") == format!("{other:?}"));
    }

    /// Compares what comes of merging each way, compacted and read back, after every step.
    fn check<C: Generate + Debug>(alike: fn(&C, &C) -> bool) {
        for seed in 0..100 {
            let history = Replicas::<C>::arbitrary(&mut Gen::from_size_and_seed(60, seed));
            let visited = history.replay(|changed, states| {
                let one = &states[changed];
                states.iter().try_for_each(|other| {
                    let (mut here, mut there) = (one.clone(), other.clone());
                    here.merge(other);
                    there.merge(one);
                    let mut compact = here.clone();
                    compact.compact();
                    let read_back = C::decode(&there.encode(), &Limits::default()).unwrap();
                    let all = [&there, &compact, &read_back];
                    if all.into_iter().all(|other| alike(&here, other)) { Ok(()) } else { Err(()) }
                })
            });
            assert!(visited.is_ok(), "seed {seed}: {history:?}");
        }
    }
}

/// Operations, deltas and states are three ways to say the same.
mod operations {
    use super::*;

    macro_rules! bodies {
        ($($name:ident: $body:ty),+ $(,)?) => {
            $(#[test]
            fn $name() {
                all_forms_agree::<$body>();
            })+
        };
    }

    bodies! {
        g_counter: GCounterBody,
        pn_counter: PnCounterBody,
        lww_register: LwwRegisterBody<u8>,
        mv_register: MvRegisterBody<u8>,
        ew_flag: EwFlagBody,
        dw_flag: DwFlagBody,
        or_set: SetBody<u8>,
        lww_map: MapBody<u8, u8>,
        versioned_record: RecordBody<u8>,
        tuple: (SetBody<u8>, PnCounterBody, MapBody<u8, u16>),
    }

    /// Short histories first, so that the first failure is a short one.
    pub fn all_forms_agree<F: GenerateBody>() {
        for length in [3, 5, 8, 12, 20, 40] {
            for seed in 0..50 {
                let outcome = catch_unwind(|| History::<F>::new(seed).run(length));
                assert!(outcome.is_ok(), "seed {seed}, length {length}");
            }
        }
    }

    struct History<F: GenerateBody> {
        g: Gen,
        writers: Vec<Writer>,
        values: Vec<Causal<F>>,
        inboxes: Vec<CausalInbox<F>>,
        operations: Vec<Operation<F>>,
        /// Knows all that was ever written.
        archive: Causal<F>,
    }

    impl<F: GenerateBody> History<F> {
        fn new(seed: u64) -> Self {
            Self {
                g: Gen::from_size_and_seed(8, seed),
                writers: (0..3).map(|writer| Writer::from_seed(seed * 10 + writer)).collect(),
                values: vec![Causal::new(); 3],
                inboxes: (0..3).map(|_| CausalInbox::default()).collect(),
                operations: Vec::new(),
                archive: Causal::new(),
            }
        }

        fn run(mut self, length: usize) {
            for _ in 0..length {
                self.step();
            }
            let operations = self.shuffled();
            let fresh = (Causal::new(), CausalInbox::default());
            let all = self.values.into_iter().zip(self.inboxes).chain([fresh]);
            for (mut value, mut inbox) in all {
                for operation in &operations {
                    inbox.receive(&mut value, operation.clone()).unwrap();
                }
                assert!(inbox.is_empty());
                agree(&value, &self.archive);
            }
        }

        fn step(&mut self) {
            let (one, other) = (self.number(), self.number());
            match self.pick(&[0, 0, 0, 0, 1, 2, 3, 3, 3, 4, 5]) {
                0 => self.write(one, other),
                1 => {
                    let from = self.values[other].clone();
                    self.values[one].merge(&from);
                }
                2 => {
                    let delta = self.values[other].delta_since(self.values[one].version());
                    self.values[one].apply(delta).unwrap();
                }
                3 => {
                    if let Some(operation) = self.g.choose(&self.operations).cloned() {
                        self.inboxes[one].receive(&mut self.values[one], operation).unwrap();
                    }
                }
                4 => self.values[one].collect(),
                _ => self.values[one] = self.values[other].clone(),
            }
            self.inboxes[one].flush(&mut self.values[one]);
        }

        /// Writes, mostly under the replica's own writer, and says it in three ways to a copy.
        fn write(&mut self, replica: usize, other: usize) {
            let writer = self.pick(&[replica, replica, replica, other]);
            let Self { g, writers, values, .. } = self;
            let (before, value) = (values[replica].clone(), &mut values[replica]);
            let (_, operation) =
                value.edit_as_operation(&mut writers[writer], |mut body, edit| F::write_group(&mut body, edit, g));
            let Some(operation) = operation else {
                agree(value, &before);
                return;
            };
            let (mut by_operation, mut by_delta, mut by_merge) = (before.clone(), before.clone(), before.clone());
            let applied = by_delta.apply(value.delta_since(before.version())).unwrap();
            assert_eq!(by_operation.apply_operation(operation.clone()), Ok(applied));
            assert_eq!(by_merge.try_merge(value), Ok(applied));
            assert_eq!(by_operation.apply_operation(operation.clone()), Ok(Applied::UNCHANGED));
            [by_operation, by_delta, by_merge].iter().for_each(|copy| agree(copy, value));
            let bytes = operation.encode();
            let read_back = Operation::decode(&bytes, &Limits::default()).unwrap();
            assert_eq!(read_back.encode(), bytes);
            self.archive.merge(value);
            self.operations.push(read_back);
        }

        /// All operations in another order, some of them twice.
        fn shuffled(&mut self) -> Vec<Operation<F>> {
            let mut left = self.operations.clone();
            left.extend(self.operations.iter().step_by(3).cloned());
            let mut shuffled = Vec::new();
            while !left.is_empty() {
                let places: Vec<usize> = (0..left.len()).collect();
                shuffled.push(left.swap_remove(self.pick(&places)));
            }
            shuffled
        }

        fn number(&mut self) -> usize {
            self.pick(&[0, 1, 2])
        }

        fn pick(&mut self, choices: &[usize]) -> usize {
            *self.g.choose(choices).unwrap()
        }
    }

    fn agree<F: GenerateBody>(one: &Causal<F>, other: &Causal<F>) {
        assert!(one == other && one.canonical() == other.canonical() && one.state_hash() == other.state_hash());
    }
}

/// Bytes that a checksum does not protect: whatever is accepted is what an encoder writes, and works.
mod forged_bytes {
    use super::*;

    #[test]
    fn never_panic_and_have_one_form() {
        check::<GCounter>();
        check::<PnCounter>();
        check::<LwwRegister<u16>>();
        check::<MvRegister<Option<u8>>>();
        check::<EwFlag>();
        check::<DwFlag>();
        check::<OrSet<u8>>();
        check::<OrSet<String>>();
        check::<LwwMap<u8, u16>>();
        check::<VersionedRecord<u16>>();
        check::<Causal<(SetBody<u8>, PnCounterBody, MapBody<u8, u16>)>>();
    }

    fn check<C: Generate + Debug>() {
        for seed in 0..60 {
            let g = &mut Gen::from_size_and_seed(40, seed);
            let history = Replicas::<C>::arbitrary(g);
            let states = history.states();
            for _ in 0..200 {
                let (one, other) = (g.choose(states).unwrap(), g.choose(states).unwrap());
                let forged = forge(one.encode(), g);
                if let Ok(state) = C::decode(&forged, &Limits::default()) {
                    assert_eq!(state.encode(), forged, "seed {seed}: {state:?} of {one:?}");
                    exercise(state, other);
                }
                let forged = forge(C::encode_delta(&one.delta_since(other.version())), g);
                if let Ok(delta) = C::decode_delta(&forged, &Limits::default()) {
                    assert_eq!(C::encode_delta(&delta), forged, "seed {seed}: a delta of {one:?}");
                    let mut receiver = other.clone();
                    let _ = receiver.apply(delta);
                    exercise(receiver, one);
                }
            }
        }
    }

    /// Changes, inserts or removes a few bytes behind the envelope, and makes the checksum right.
    fn forge(mut bytes: Vec<u8>, g: &mut Gen) -> Vec<u8> {
        bytes.truncate(bytes.len() - 4);
        for _ in 0..*g.choose(&[1, 1, 2, 3]).unwrap() {
            let places: Vec<usize> = (8..bytes.len()).collect();
            let Some(&at) = g.choose(&places) else { break };
            match g.choose(&[0, 0, 0, 0, 1, 2, 3]).unwrap() {
                0 => bytes[at] = bytes[at].wrapping_add(*g.choose(&[1, 2, 127, 128, 254, 255]).unwrap()),
                1 => bytes.insert(at, u8::arbitrary(g)),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] = u8::arbitrary(g),
            }
        }
        let checksum = xxhash_rust::xxh64::xxh64(&bytes, 0) as u32;
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    fn exercise<C: Generate + Debug>(mut state: C, other: &C) {
        let _ = format!("{state:?}");
        state.merge(other);
        let (mut g, mut writer) = (Gen::from_size_and_seed(4, 1), Writer::from_seed(1));
        state.write_at_random(&mut writer, &mut g);
        state.compact();
        let bytes = state.encode();
        assert_eq!(C::decode(&bytes, &Limits::default()).map(|back| back.encode()), Ok(bytes));
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
                assert!(catch_unwind(broken).is_err());
            })+
        };
    }

    mutants! {
        losers_dropped_at_merge: DropLosersOnMerge in LwwMap<u8, u8>,
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
        let broken = || with(Mutant::TiesBySlot, reads::every_step_reads_alike::<LwwMap<u8, u8>>);
        assert!(catch_unwind(broken).is_err());
    }

    #[test]
    fn dependencies_ignored() {
        let broken = || with(Mutant::IgnoreDependencies, operations::all_forms_agree::<SetBody<u8>>);
        assert!(catch_unwind(broken).is_err());
    }
}

/// Which law a check complains about, if it does.
fn caught(check: fn()) -> Option<Law> {
    let panic = catch_unwind(check).err()?;
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
