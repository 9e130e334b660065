//! Operations, deltas and states are three ways to say the same.

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
    mv_register: MvRegisterBody<Option<String>>,
    ew_flag: EwFlagBody,
    dw_flag: DwFlagBody,
    or_set: SetBody<u8>,
    lww_map: MapBody<u8, u16>,
    versioned_record: RecordBody<u8>,
    bounded_counter: BoundedCounterBody,
    store: StoreBody,
    tuple: (SetBody<u8>, PnCounterBody, MapBody<u8, u16>),
}

/// Short histories first, so that the first failure is a short one.
pub fn all_forms_agree<F: GenerateBody>() {
    for length in [3, 5, 8, 12, 20, 40] {
        for seed in 0..150 {
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
