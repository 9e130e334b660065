//! A named value of one of five types: what a trace writes, and what a reader sees.

use std::collections::BTreeMap;

use dotted::{
    Causal, CausalInbox, Delta, EwFlag, EwFlagBody, Fragment, FragmentCodec, Limits, LwwRegister, LwwRegisterBody,
    Operation, OrSet, PnCounter, PnCounterBody, RecordBody, SetBody, VersionVector, VersionedRecord, Writer,
};

use super::conflict::{Conflict, Place};
use super::trace::{Change, CounterChange, FlagChange, RecordChange, RegisterChange, SetChange};

/// Operations that one value keeps at most until others arrive. More than are ever sent at once.
const INBOX: usize = 1024;

/// A value with the inbox for its operations.
pub struct Held<F: Fragment> {
    value: Causal<F>,
    inbox: CausalInbox<F>,
}

/// A value of the type that its first write chose.
pub enum Value {
    Set(Held<SetBody<String>>),
    Counter(Held<PnCounterBody>),
    Record(Held<RecordBody<String>>),
    Register(Held<LwwRegisterBody<String>>),
    Flag(Held<EwFlagBody>),
}

/// The same expression for whichever type it is.
macro_rules! whichever {
    ($value:expr, $held:ident => $result:expr) => {
        match $value {
            Value::Set($held) => $result,
            Value::Counter($held) => $result,
            Value::Record($held) => $result,
            Value::Register($held) => $result,
            Value::Flag($held) => $result,
        }
    };
}

// Replication. All that crosses the border between regions crosses it as bytes.
impl Value {
    /// A value of the type that this change is for, to which nothing has happened yet.
    pub fn for_change(change: &Change) -> Self {
        match change {
            Change::Set(_) => Self::Set(Held::default()),
            Change::Counter(_) => Self::Counter(Held::default()),
            Change::Record(_) => Self::Record(Held::default()),
            Change::Register(_) => Self::Register(Held::default()),
            Change::Flag(_) => Self::Flag(Held::default()),
        }
    }

    /// An empty value of the same type.
    pub fn fresh(&self) -> Self {
        match self {
            Self::Set(_) => Self::Set(Held::default()),
            Self::Counter(_) => Self::Counter(Held::default()),
            Self::Record(_) => Self::Record(Held::default()),
            Self::Register(_) => Self::Register(Held::default()),
            Self::Flag(_) => Self::Flag(Held::default()),
        }
    }

    pub fn version(&self) -> &VersionVector {
        whichever!(self, held => held.value.version())
    }

    pub fn state(&self) -> Vec<u8> {
        whichever!(self, held => held.value.encode())
    }

    pub fn merge_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        let limits = Limits::default();
        whichever!(self, held => {
            let theirs = Causal::decode(bytes, &limits).map_err(text)?;
            held.value.try_merge(&theirs).map_err(text)?;
        });
        Ok(())
    }

    pub fn delta_since(&self, known: &VersionVector) -> Vec<u8> {
        whichever!(self, held => held.value.delta_since(known).encode())
    }

    pub fn apply_delta(&mut self, bytes: &[u8]) -> Result<(), String> {
        let limits = Limits::default();
        whichever!(self, held => {
            let delta = Delta::decode(bytes, &limits).map_err(text)?;
            held.value.apply(delta).map_err(text)?;
        });
        Ok(())
    }

    /// Takes in an operation, and says whether it changed anything: one that waits or that is
    /// known does not.
    pub fn receive_operation(&mut self, bytes: &[u8]) -> Result<bool, String> {
        let limits = Limits::default();
        whichever!(self, held => {
            let operation = Operation::decode(bytes, &limits).map_err(text)?;
            let applied = held.inbox.receive(&mut held.value, operation).map_err(text)?;
            Ok(applied.changed())
        })
    }

    /// How many operations wait for others.
    pub fn waiting(&self) -> usize {
        whichever!(self, held => held.inbox.len())
    }

    /// The bytes that are equal for equal states.
    pub fn canonical(&self) -> Vec<u8> {
        whichever!(self, held => held.value.canonical())
    }

    pub fn same_state(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Set(mine), Self::Set(theirs)) => mine.value == theirs.value,
            (Self::Counter(mine), Self::Counter(theirs)) => mine.value == theirs.value,
            (Self::Record(mine), Self::Record(theirs)) => mine.value == theirs.value,
            (Self::Register(mine), Self::Register(theirs)) => mine.value == theirs.value,
            (Self::Flag(mine), Self::Flag(theirs)) => mine.value == theirs.value,
            _ => false,
        }
    }
}

// Writing. Each write gives the operation that it is, as bytes, or nothing if it changed nothing.
impl Value {
    pub fn write(&mut self, writer: &mut Writer, change: &Change) -> Result<Option<Vec<u8>>, String> {
        match (self, change) {
            (Self::Set(held), Change::Set(change)) => Ok(write_set(&mut held.value, writer, change)),
            (Self::Counter(held), Change::Counter(change)) => write_counter(&mut held.value, writer, change),
            (Self::Record(held), Change::Record(change)) => write_record(&mut held.value, writer, change),
            (Self::Register(held), Change::Register(change)) => write_register(&mut held.value, writer, change),
            (Self::Flag(held), Change::Flag(change)) => Ok(write_flag(&mut held.value, writer, *change)),
            (other, change) => Err(format!("a {} cannot become a {}", other.type_name(), change.type_name())),
        }
    }
}

fn write_set(set: &mut OrSet<String>, writer: &mut Writer, change: &SetChange) -> Option<Vec<u8>> {
    let (_, operation) = set.edit_as_operation(writer, |mut set, edit| match change {
        SetChange::Insert(element) => Some(set.insert(edit, element.clone())),
        SetChange::Extend(elements) => elements.iter().map(|element| set.insert(edit, element.clone())).last(),
        SetChange::Remove(element) => set.remove(edit, element.as_str()),
        SetChange::Clear => set.clear(edit),
    });
    operation.map(|operation| operation.encode())
}

fn write_counter(
    counter: &mut PnCounter,
    writer: &mut Writer,
    change: &CounterChange,
) -> Result<Option<Vec<u8>>, String> {
    let (counted, operation) = counter.edit_as_operation(writer, |mut counter, edit| match *change {
        CounterChange::Increment(by) => counter.increment(edit, by).map(Some),
        CounterChange::Decrement(by) => counter.decrement(edit, by).map(Some),
        CounterChange::Reset => Ok(counter.reset(edit)),
    });
    counted.map_err(text)?;
    Ok(operation.map(|operation| operation.encode()))
}

fn write_record(
    record: &mut VersionedRecord<String>,
    writer: &mut Writer,
    change: &RecordChange,
) -> Result<Option<Vec<u8>>, String> {
    let decided = match change {
        RecordChange::Resolve(fields) => decide(record, fields)?,
        RecordChange::Set(fields) => fields.clone(),
        RecordChange::Remove(_) | RecordChange::Delete => BTreeMap::new(),
    };
    let (_, operation) = record.edit_as_operation(writer, |mut record, edit| match change {
        RecordChange::Remove(field) => _ = record.remove(edit, field),
        RecordChange::Delete => _ = record.delete(edit),
        RecordChange::Set(_) | RecordChange::Resolve(_) => {
            for (field, value) in decided {
                record.set(edit, &field, value);
            }
        }
    });
    Ok(operation.map(|operation| operation.encode()))
}

/// The values with which fields are settled: those given, or what is read now.
fn decide(
    record: &VersionedRecord<String>,
    fields: &BTreeMap<String, Option<String>>,
) -> Result<BTreeMap<String, String>, String> {
    let decide = |(field, value): (&String, &Option<String>)| {
        let value = value.as_ref().or_else(|| record.get(field)).cloned();
        let value = value.ok_or_else(|| format!("there is nothing in field {field:?} that could stay"))?;
        Ok((field.clone(), value))
    };
    fields.iter().map(decide).collect()
}

fn write_register(
    register: &mut LwwRegister<String>,
    writer: &mut Writer,
    change: &RegisterChange,
) -> Result<Option<Vec<u8>>, String> {
    let value = match change {
        RegisterChange::Clear => None,
        RegisterChange::Set(value) | RegisterChange::Resolve(Some(value)) => Some(value.clone()),
        RegisterChange::Resolve(None) => {
            Some(register.get().cloned().ok_or("there is nothing in the register that could stay")?)
        }
    };
    let (_, operation) = register.edit_as_operation(writer, |mut register, edit| match value {
        Some(value) => Some(register.set(edit, value)),
        None => register.clear(edit),
    });
    Ok(operation.map(|operation| operation.encode()))
}

fn write_flag(flag: &mut EwFlag, writer: &mut Writer, change: FlagChange) -> Option<Vec<u8>> {
    let (_, operation) = flag.edit_as_operation(writer, |mut flag, edit| match change {
        FlagChange::Enable => Some(flag.enable(edit)),
        FlagChange::Disable => flag.disable(edit),
    });
    operation.map(|operation| operation.encode())
}

// Reading.
impl Value {
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Counter(_) => "counter",
            Self::Record(_) => "record",
            Self::Register(_) => "register",
            Self::Flag(_) => "flag",
        }
    }

    /// What the value shows, item by item, in an order in which two readings compare easily.
    pub fn reading(&self) -> Vec<String> {
        let mut items: Vec<String> = match self {
            Self::Set(held) => held.value.iter().cloned().collect(),
            Self::Counter(held) => vec![held.value.value().to_string()],
            Self::Record(held) => held.value.iter().map(|(field, value)| format!("{field}: {value}")).collect(),
            Self::Register(held) => held.value.get().cloned().into_iter().collect(),
            Self::Flag(held) => vec![if held.value.is_enabled() { "on" } else { "off" }.to_string()],
        };
        items.sort();
        items
    }

    /// What a place in the value shows, if anything.
    pub fn at(&self, place: &Place) -> Option<String> {
        match (self, place) {
            (Self::Record(held), Place::Field(field)) => held.value.get(field).cloned(),
            _ => Some(self.reading().join(", ")).filter(|shown| !shown.is_empty()),
        }
    }

    /// The conflicts, of types that can have some.
    pub fn conflicts(&self) -> Vec<Conflict> {
        match self {
            Self::Record(held) => held.value.conflicts().iter().map(Conflict::of_record).collect(),
            Self::Register(held) => held.value.conflict().iter().map(Conflict::of_register).collect(),
            // These settle everything by their own rule.
            Self::Set(_) | Self::Counter(_) | Self::Flag(_) => Vec::new(),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl<F: FragmentCodec> Default for Held<F> {
    fn default() -> Self {
        Self { value: Causal::default(), inbox: CausalInbox::new(INBOX) }
    }
}
