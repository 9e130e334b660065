use core::hash::Hash;

use quickcheck::{Arbitrary, Gen};
use uuid::Uuid;

use super::Replicas;
use crate::codec::FragmentCodec;
use crate::kernel::EventsMut;
use crate::{
    BoundedCounterBody, Causal, Claiming, ClaimsBody, Data, DeletePolicy, DeltaCrdt, DwFlagBody, Edit, Effect, Escrow,
    EwFlagBody, GCounterBody, Grouped, LedgerBody, LwwRegisterBody, MapBody, Mut, MvRegisterBody, PnCounterBody,
    RecordBody, Recording, RequestId, Resolver, SetBody, StoreBody, Transfer, Value, Writer,
};

/// A type that can be written to at random, so that [`Replicas`] of it can be generated.
///
/// Implemented for every [`Causal`] whose body is a [`GenerateBody`]: all types of this crate and all
/// tuples of them. A type of your own around one of them passes the call on.
pub trait Generate: DeltaCrdt + 'static {
    /// Writes something at random: one event, or a group, or nothing.
    ///
    /// Keys should be drawn from a few, so that concurrent writes meet.
    fn write_at_random(&mut self, writer: &mut Writer, g: &mut Gen);

    /// Forgets removals early. By itself, the same as [`compact`](DeltaCrdt::compact).
    fn forget_removals(&mut self) {
        self.compact();
    }
}

impl<F: GenerateBody> Generate for Causal<F> {
    fn write_at_random(&mut self, writer: &mut Writer, g: &mut Gen) {
        self.edit(writer, |mut body, edit| F::write_group(&mut body, edit, g));
    }

    fn forget_removals(&mut self) {
        self.collect();
    }
}

/// One of the replicas of a random history. It shrinks to the empty value only: shrink [`Replicas`]
/// instead, where that matters.
impl<F: GenerateBody> Arbitrary for Causal<F> {
    fn arbitrary(g: &mut Gen) -> Self {
        let replicas = Replicas::<Self>::arbitrary(g);
        g.choose(replicas.states()).cloned().unwrap_or_default()
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let smaller = (!self.version().is_empty()).then(Self::default);
        Box::new(smaller.into_iter())
    }
}

/// A body, or a tuple of bodies, that can be written to at random.
pub trait GenerateBody: FragmentCodec {
    /// Makes one random write, as part of a group.
    fn write<'e>(body: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen);

    /// Makes one random write, or several as one group.
    fn write_group<'e>(body: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        for _ in 0..one_of(g, [1, 1, 1, 1, 2, 3]) {
            Self::write(body, edit, g);
        }
    }
}

impl GenerateBody for GCounterBody {
    fn write<'e>(counter: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        // What would overflow is refused and writes nothing: that, too, is part of the histories.
        let _ = counter.increment(edit, amount(g));
    }
}

impl GenerateBody for PnCounterBody {
    fn write<'e>(counter: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match one_of(g, [0, 0, 0, 1, 1, 2]) {
            0 => drop(counter.increment(edit, amount(g))),
            1 => drop(counter.decrement(edit, amount(g))),
            _ => drop(counter.reset(edit)),
        }
    }
}

impl GenerateBody for BoundedCounterBody {
    fn write<'e>(counter: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        write_escrow(counter, edit, g);
    }
}

/// What is refused writes nothing: too much, to oneself, to someone unknown.
fn write_escrow<'e, E: EventsMut<'e, Kind = Escrow>>(
    counter: &mut Mut<'e, Escrow, E>,
    edit: &mut Edit<'e>,
    g: &mut Gen,
) {
    match one_of(g, [0, 0, 1, 1, 1, 2, 2, 2, 3]) {
        0 => drop(counter.increment(edit, amount(g))),
        1 => drop(counter.try_decrement(edit, amount(g) >> one_of(g, [0, 1, 8]))),
        2 => {
            let known: Vec<_> = edit.version().iter().map(|(id, _)| id).collect();
            if let Some(to) = g.choose(&known) {
                _ = counter.transfer(edit, to, amount(g) >> one_of(g, [0, 1, 8]));
            }
        }
        _ => drop(counter.announce(edit)),
    }
}

impl<T: Data + Arbitrary> GenerateBody for LwwRegisterBody<T> {
    fn write<'e>(register: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match one_of(g, [true, true, true, false]) {
            true => drop(register.set(edit, T::arbitrary(g))),
            false => drop(register.clear(edit)),
        }
    }
}

impl<T: Data + Arbitrary> GenerateBody for MvRegisterBody<T> {
    fn write<'e>(register: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match one_of(g, [true, true, true, false]) {
            true => drop(register.set(edit, T::arbitrary(g))),
            false => drop(register.clear(edit)),
        }
    }
}

impl GenerateBody for EwFlagBody {
    fn write<'e>(flag: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match bool::arbitrary(g) {
            true => drop(flag.enable(edit)),
            false => drop(flag.disable(edit)),
        }
    }
}

impl GenerateBody for DwFlagBody {
    fn write<'e>(flag: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match bool::arbitrary(g) {
            true => flag.enable(edit),
            false => flag.disable(edit),
        };
    }
}

impl<T: Data + Hash + Arbitrary> GenerateBody for SetBody<T> {
    fn write<'e>(set: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match one_of(g, [0, 0, 0, 0, 1, 1, 1, 2, 3]) {
            0 => drop(set.insert(edit, common(g))),
            1 => drop(set.remove::<T>(edit, &common(g))),
            2 => drop(set.retain(edit, |_| bool::arbitrary(g))),
            _ => drop(set.insert(edit, T::arbitrary(g))),
        }
    }
}

impl<K: Data + Hash + Arbitrary, V: Data + Arbitrary> GenerateBody for MapBody<K, V> {
    fn write<'e>(map: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        match one_of(g, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5]) {
            4 => drop(map.resolve_all(edit, resolver(g))),
            5 => drop(map.trim_siblings(edit, usize::arbitrary(g) % 3)),
            0 => drop(map.insert(edit, common(g), V::arbitrary(g))),
            1 => drop(map.remove::<K>(edit, &common(g))),
            2 => drop(map.insert(edit, K::arbitrary(g), V::arbitrary(g))),
            _ => drop(map.clear(edit)),
        }
    }
}

impl<V: Data + Arbitrary, P: DeletePolicy> GenerateBody for RecordBody<V, P> {
    fn write<'e>(record: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        let field = one_of(g, ["a", "b", "c"]);
        match one_of(g, [0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7]) {
            5 => drop(record.resolve_all(edit, resolver(g))),
            6 => drop(record.trim_siblings(edit, usize::arbitrary(g) % 3)),
            7 => drop(record.restore(edit)),
            0 => drop(record.set(edit, field, V::arbitrary(g))),
            1 => drop(record.remove(edit, field)),
            2 => drop(record.delete(edit)),
            3 => drop(record.erase(edit)),
            _ => drop(record.purge(edit)),
        }
    }
}

impl<E: Effect + Arbitrary> GenerateBody for LedgerBody<E> {
    fn write<'e>(ledger: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        write_ledger(ledger, edit, g);
    }
}

fn write_ledger<'e, T: Effect + Arbitrary, E: EventsMut<'e, Kind = Recording<T>>>(
    ledger: &mut Mut<'e, Recording<T>, E>,
    edit: &mut Edit<'e>,
    g: &mut Gen,
) {
    let client = Uuid::from_u128(1);
    let id = RequestId { client, number: one_of(g, [0, 1, 2, 63, 64]) };
    match one_of(g, [0, 0, 0, 0, 1, 2, 3]) {
        0 => drop(ledger.record(edit, id, common(g))),
        1 => drop(ledger.resolve(edit, id, common(g))),
        2 => drop(ledger.dismiss(edit, id)),
        _ => {
            for number in 0..64 {
                let _ = ledger.record(edit, RequestId { client, number }, common(g));
            }
            ledger.fold(edit, client);
        }
    }
}

impl Arbitrary for Transfer {
    fn arbitrary(g: &mut Gen) -> Self {
        let account = |g: &mut Gen| one_of(g, ["ana", "ben", "cy"]).into();
        Self { from: account(g), to: account(g), amount: amount(g) }
    }
}

impl<R: Data + Hash + Arbitrary> GenerateBody for ClaimsBody<R> {
    fn write<'e>(claims: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        let resource = common(g);
        write_claims(claims, edit, resource, g);
    }
}

fn write_claims<'e, R: Data + Hash, E: EventsMut<'e, Kind = Claiming<R>>>(
    claims: &mut Mut<'e, Claiming<R>, E>,
    edit: &mut Edit<'e>,
    resource: R,
    g: &mut Gen,
) {
    let members = [1, 2, 3].map(Uuid::from_u128);
    let me = one_of(g, members);
    match one_of(g, [0, 0, 0, 1, 2, 2]) {
        0 => drop(claims.claim(edit, resource, me, &members)),
        1 => drop(claims.release(edit, &resource, me)),
        _ => drop(claims.acknowledge(edit, me, &members)),
    }
}

impl GenerateBody for StoreBody {
    fn write<'e>(store: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
        let name = one_of(g, ["a", "b"]);
        let value = Value::from(u8::arbitrary(g));
        let key = one_of(g, ["k", "l", "m"]);
        match one_of(g, [0, 0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 7, 7, 8, 9, 9, 9, 10, 11, 12, 13, 13, 14, 15, 16, 17, 17]) {
            16 => write_ledger(&mut store.ledger(name), edit, g),
            17 => write_claims(&mut store.claims(name), edit, key.into(), g),
            13 => write_escrow(&mut store.bounded_counter(name), edit, g),
            14 => drop(store.resolve_all(edit, resolver(g))),
            15 => drop(store.trim_siblings(edit, usize::arbitrary(g) % 3)),
            0 => drop(store.counter(name).increment(edit, amount(g))),
            1 => drop(store.counter(name).reset(edit)),
            2 => drop(store.register(name).set(edit, value)),
            3 => drop(store.multi_register(name).set(edit, value)),
            4 => drop(store.flag(name).enable(edit)),
            5 => drop(store.set(name).insert(edit, key.into())),
            6 => drop(store.set(name).remove(edit, key)),
            7 => drop(store.map(name).insert(edit, key.into(), value)),
            8 => drop(store.map(name).remove(edit, key)),
            9 => drop(store.record(name).set(edit, key, value)),
            10 => drop(store.record(name).remove(edit, key)),
            11 => drop(store.record(name).delete(edit)),
            _ => drop(store.remove(edit, name)),
        }
    }
}

macro_rules! tuple {
    ($(($name:ident, $part:tt)),+) => {
        impl<$($name: GenerateBody),+> GenerateBody for ($($name,)+) {
            fn write<'e>(body: &mut Self::Mut<'e>, edit: &mut Edit<'e>, g: &mut Gen) {
                $(
                    if bool::arbitrary(g) {
                        $name::write(&mut body.$part, edit, g);
                    }
                )+
            }
        }
    };
}

tuple!((A, 0), (B, 1));
tuple!((A, 0), (B, 1), (C, 2));
tuple!((A, 0), (B, 1), (C, 2), (D, 3));

/// One of a few values that come again in every history, so that keys meet.
fn common<T: Arbitrary>(g: &mut Gen) -> T {
    let seed = one_of(g, [0, 0, 1, 1, 2, 3, 4]);
    T::arbitrary(&mut Gen::from_size_and_seed(4, seed))
}

/// A value, or a group of a few members.
impl<V: Data + Arbitrary> Arbitrary for Grouped<V> {
    fn arbitrary(g: &mut Gen) -> Self {
        match one_of(g, [None, Some("x"), Some("y")]) {
            None => Self::One(V::arbitrary(g)),
            Some(name) => Self::group([(name, V::arbitrary(g)), ("z", V::arbitrary(g))]),
        }
    }
}

/// One of the rules that need nothing else.
fn resolver<T>(g: &mut Gen) -> Resolver<'static, T> {
    one_of(g, [Resolver::Latest, Resolver::Earliest, Resolver::KeepAll])
}

/// An amount to count: small, or so large that every wrong sum shows, or close to an overflow.
fn amount(g: &mut Gen) -> u64 {
    match one_of(g, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) {
        0 => u64::from(u32::arbitrary(g)),
        _ => u64::arbitrary(g),
    }
}

/// One of the choices.
pub(super) fn one_of<T: Copy, const N: usize>(g: &mut Gen, choices: [T; N]) -> T {
    const { assert!(N > 0) };
    g.choose(&choices).copied().unwrap_or(choices[0])
}
