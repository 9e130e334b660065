use core::fmt;

use super::event::{ByName, NamedKind, StoreBody, TextClaims, TextMap, Transfers};
use super::key::{Named, ValueKind};
use super::named::{Name, NameEvents, NameMut};
use super::value::Value;
use crate::causality::{Dot, VersionVector, Writer};
use crate::kernel::{Causal, Edit, Mut, Part, Show, ShowKind, View};
use crate::types::{AddWins, Counting, Deletes, EnableWins, Escrow, Latest, MultiValue, Versioned};

/// Many named values of several types under one version vector.
///
/// It is replicated as one: one digest says all that was seen of it, and a delta holds what changed,
/// under however many names. Writes to several names can be grouped, and then become visible together
/// everywhere ([`edit`](Causal::edit)). A name with two types is two values; so two replicas that
/// create one name with different types both keep what they wrote, and [`names`](Store::names) lists both.
///
/// ```
/// use dotted::{Crdt, Store, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here = Store::new();
/// here.set("cart").insert(&mut tokyo, "milk");
/// here.counter("likes").increment(&mut tokyo, 2)?;
/// let mut there = here.clone();
///
/// // Both become visible together.
/// there.edit(&mut london, |mut store, edit| {
///     store.set("cart").insert(edit, "tea".into());
///     store.register("owner").set(edit, "Ana".into());
/// });
/// here.set("cart").remove(&mut tokyo, "milk");
/// here.merge(&there);
///
/// assert!(here.set("cart").contains("tea"));
/// assert_eq!(here.view().set("cart").len(), 1);
/// assert_eq!(here.view().register("owner").get().unwrap().as_text(), Some("Ana"));
/// assert_eq!(here.view().counter("likes").value(), 2);
/// # Ok::<(), dotted::Overflow>(())
/// ```
///
/// Finding a name costs O(1); what the types cost is the same as on their own. A name is there as long
/// as something is known of it; it costs nothing any more once its removals are discarded.
pub type Store = Causal<StoreBody>;

/// The counter with a name in a [`Store`].
pub type CounterPart<'r, 'n> = Part<'r, Counting, Name<'n, Counting>>;
/// The register with a name in a [`Store`].
pub type RegisterPart<'r, 'n> = Part<'r, Latest<Value>, Name<'n, Latest<Value>>>;
/// The multi-value register with a name in a [`Store`].
pub type MultiRegisterPart<'r, 'n> = Part<'r, MultiValue<Value>, Name<'n, MultiValue<Value>>>;
/// The flag with a name in a [`Store`].
pub type FlagPart<'r, 'n> = Part<'r, EnableWins, Name<'n, EnableWins>>;
/// The set with a name in a [`Store`].
pub type SetPart<'r, 'n> = Part<'r, AddWins<Value>, Name<'n, AddWins<Value>>>;
/// The map with a name in a [`Store`].
pub type MapPart<'r, 'n> = Part<'r, TextMap, Name<'n, TextMap>>;
/// The record with a name in a [`Store`].
pub type RecordPart<'r, 'n> = Part<'r, Fields, Name<'n, Fields>>;

/// The kind of a record in a store; who reads or writes it says by which policy for deletions.
pub(super) type Fields = Versioned<Value, Deletes>;

/// The bounded counter with a name in a [`Store`].
pub type BoundedCounterPart<'r, 'n> = Part<'r, Escrow, Name<'n, Escrow>>;

/// The ledger with a name in a [`Store`].
pub type LedgerPart<'r, 'n> = Part<'r, Transfers, Name<'n, Transfers>>;
/// The claims with a name in a [`Store`].
pub type ClaimsPart<'r, 'n> = Part<'r, TextClaims, Name<'n, TextClaims>>;

/// Defines the accessors of all types, once for each way to get at a value.
macro_rules! accessors {
    ($(#[$meta:meta] $name:ident: $kind:ty;)+) => {
        impl Store { $(
            #[$meta]
            ///
            /// It is read and written in place, and there is nothing of it until it is written.
            pub fn $name<'n>(&mut self, name: &'n str) -> Part<'_, $kind, Name<'n, $kind>> {
                Part::new(self, Name::new(name))
            }
        )+ }

        impl<'a> View<'a, ByName> { $(
            #[$meta]
            #[must_use]
            pub fn $name(self, name: &str) -> View<'a, $kind, NameEvents<'a, $kind>> {
                self.named(name)
            }
        )+ }

        impl<'e> Mut<'e, ByName> { $(
            #[$meta]
            pub fn $name(&mut self, name: &str) -> Mut<'e, $kind, NameMut<'_, $kind>> {
                Mut::new(NameMut::new(self.events, name))
            }
        )+ }
    };
}

accessors! {
    /// The counter with this name.
    counter: Counting;
    /// The register with this name.
    register: Latest<Value>;
    /// The multi-value register with this name.
    multi_register: MultiValue<Value>;
    /// The flag with this name.
    flag: EnableWins;
    /// The set with this name.
    set: AddWins<Value>;
    /// The map with this name.
    map: TextMap;
    /// The record with this name. Where one deletes what another one updates, the update wins.
    record: Fields;
    /// The bounded counter with this name.
    bounded_counter: Escrow;
    /// The ledger with this name.
    ledger: Transfers;
    /// The claims with this name.
    claims: TextClaims;
}

impl<'a> View<'a, ByName> {
    pub(super) fn named<S: NamedKind>(self, name: &str) -> View<'a, S, NameEvents<'a, S>> {
        View::new(NameEvents::new(self.events, name), self.version)
    }

    pub(super) fn numbered<S: NamedKind>(self, number: u32) -> View<'a, S, NameEvents<'a, S>> {
        View::new(NameEvents::numbered(self.events, number), self.version)
    }

    /// The values that show something, in the order of their names. The same on all replicas.
    pub fn names(self) -> impl Iterator<Item = &'a Named> {
        self.names_with("")
    }

    /// The values that show something and whose names begin with `prefix`, in the order of their names.
    pub fn names_with(self, prefix: &str) -> impl Iterator<Item = &'a Named> + use<'a> {
        let with_prefix = self.events.lookup().with_prefix(prefix).into_iter();
        let shown = with_prefix.filter(move |&(named, number)| self.shows(named.kind, number));
        shown.map(|(named, _)| named)
    }

    /// Whether there is something to see. A counter that was reset, or removed, shows nothing.
    fn shows(self, kind: ValueKind, number: u32) -> bool {
        match kind {
            ValueKind::Counter => self.numbered::<Counting>(number).counts(),
            ValueKind::Record => !self.numbered::<Fields>(number).is_empty(),
            _ => self.events.lookup().live(number) > 0,
        }
    }
}

impl<'e> Mut<'e, ByName> {
    /// As an accessor, for good.
    pub(super) fn into_named<S: NamedKind>(self, name: &str, policy: S::Policy) -> Mut<'e, S, NameMut<'e, S>> {
        Mut::with_policy(NameMut::new(self.events, name), policy)
    }

    /// Removes the values with this name, of most types: see [`Store::remove`]. Returns the last of its events; `None` if nothing was removed.
    pub fn remove(&mut self, edit: &mut Edit<'e>, name: &str) -> Option<Dot> {
        let before = edit.last();
        self.counter(name).reset(edit);
        self.register(name).clear(edit);
        self.multi_register(name).clear(edit);
        self.flag(name).disable(edit);
        self.set(name).clear(edit);
        self.map(name).clear(edit);
        // Which returns the deletion's name, its first event.
        self.record(name).delete(edit);
        edit.last().filter(|_| edit.last() != before)
    }
}

impl Store {
    /// The values that show something, in the order of their names. The same on all replicas.
    pub fn names(&self) -> impl Iterator<Item = &Named> {
        self.view().names()
    }

    /// The values that show something and whose names begin with `prefix`, in the order of their names.
    /// Costs O(names with the prefix).
    pub fn names_with(&self, prefix: &str) -> impl Iterator<Item = &Named> {
        self.view().names_with(prefix)
    }

    /// Removes the values with this name, of most types, as one group: sets, maps and registers are
    /// cleared, a counter is reset, a flag disabled, a record deleted. What others write to them
    /// meanwhile survives, by the rules of each type. Bounded counters, ledgers and claims stay as they are: rights, requests
    /// and answers that others have cannot be taken back. Returns the last of its events; `None` if nothing was removed.
    pub fn remove(&mut self, writer: &mut Writer, name: &str) -> Option<Dot> {
        self.edit(writer, |mut store, edit| store.remove(edit, name))
    }
}

impl Show for StoreBody {
    fn show(&self, version: &VersionVector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn entry<S: ShowKind + NamedKind>(store: View<'_, ByName>, map: &mut fmt::DebugMap<'_, '_>, named: &Named) {
            map.entry(&named.name, &store.named::<S>(&named.name));
        }
        let store: View<'_, ByName> = View::new(self, version);
        let mut map = f.debug_map();
        for named in store.names() {
            match named.kind {
                ValueKind::Counter => entry::<Counting>(store, &mut map, named),
                ValueKind::Register => entry::<Latest<Value>>(store, &mut map, named),
                ValueKind::MultiRegister => entry::<MultiValue<Value>>(store, &mut map, named),
                ValueKind::Flag => entry::<EnableWins>(store, &mut map, named),
                ValueKind::Set => entry::<AddWins<Value>>(store, &mut map, named),
                ValueKind::Map => entry::<TextMap>(store, &mut map, named),
                ValueKind::Record => entry::<Fields>(store, &mut map, named),
                ValueKind::BoundedCounter => entry::<Escrow>(store, &mut map, named),
                ValueKind::Ledger => entry::<Transfers>(store, &mut map, named),
                ValueKind::Claims => entry::<TextClaims>(store, &mut map, named),
            }
        }
        map.finish()
    }
}
