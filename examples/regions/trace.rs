//! The trace: its lines, as they are written down, and where they are wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::region::Region;

/// A line that asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the file, from 1.
    pub line: usize,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Network(Network),
    Write(Write),
}

/// What happens to the connections between the regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// All connections are lost. What was written before has arrived everywhere.
    Cut,
    /// The connections are back: the regions exchange what they have written.
    Heal,
    /// The regions exchange what they have written.
    Sync,
}

/// A write by someone in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub region: Region,
    /// What the clock of the region shows, in milliseconds.
    pub at: u64,
    /// The value that is changed. Regions may make values of any name at any time.
    pub name: String,
    pub change: Change,
}

/// What is done, by the type of the value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Set(SetChange),
    Counter(CounterChange),
    Record(RecordChange),
    Register(RegisterChange),
    Flag(FlagChange),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetChange {
    Insert(String),
    /// Inserts all of these, in one group.
    Extend(Vec<String>),
    Remove(String),
    Clear,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CounterChange {
    Increment(u64),
    Decrement(u64),
    Reset,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordChange {
    /// Gives these fields new values, in one group.
    Set(#[serde(deserialize_with = "distinct")] BTreeMap<String, String>),
    /// Removes one field.
    Remove(String),
    /// Deletes the whole record.
    Delete,
    /// Settles these fields, in one group; without a value, by what is read now.
    Resolve(#[serde(deserialize_with = "distinct")] BTreeMap<String, Option<String>>),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegisterChange {
    Set(String),
    Clear,
    /// Settles the register; without a value, by what is read now.
    Resolve(Option<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlagChange {
    Enable,
    Disable,
}

/// A line that cannot be read, or asks for what cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
}

/// Reads a trace: one JSON object per line, between blank lines and comments.
pub fn parse(bytes: &[u8]) -> Result<Vec<Step>, TraceError> {
    // Some editors write a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut steps = Vec::new();
    for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let action = parse_line(text).map_err(|(column, message)| TraceError { line, column, message })?;
        steps.extend(action.map(|action| Step { line, action }));
    }
    Ok(steps)
}

impl Change {
    /// The type of the value that it changes.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Counter(_) => "counter",
            Self::Record(_) => "record",
            Self::Register(_) => "register",
            Self::Flag(_) => "flag",
        }
    }
}

impl TraceError {
    /// An error about a line as a whole.
    pub fn at_line(line: usize, message: String) -> Self {
        Self { line, column: 1, message }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for TraceError {}

/// A line as it is written down: either `network`, or all of the others.
///
/// Not an untagged enum, since those forget where in the line an error is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    network: Option<Network>,
    at: Option<u64>,
    region: Option<Region>,
    name: Option<String>,
    write: Option<Change>,
}

fn parse_line(bytes: &[u8]) -> Result<Option<Action>, (usize, String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        (before.chars().count() + 1, "not UTF-8 text".to_string())
    })?;
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with("//") {
        return Ok(None);
    }
    // Else an array would do, too.
    if !trimmed.starts_with('{') {
        let column = text.chars().take_while(|character| character.is_whitespace()).count() + 1;
        return Err((column, "expected a JSON object".to_string()));
    }
    let line: Line = serde_json::from_str(text).map_err(|error| (column_of(&error, text), message_of(&error)))?;
    line.action().map(Some).map_err(|message| (1, message))
}

impl Line {
    fn action(self) -> Result<Action, String> {
        if let Some(network) = self.network {
            let alone = self.at.is_none() && self.region.is_none() && self.name.is_none() && self.write.is_none();
            return if alone {
                Ok(Action::Network(network))
            } else {
                Err("`network` stands alone on its line".to_string())
            };
        }
        let missing = |field: &str| format!("missing field `{field}` (a line is a write or {{\"network\": …}})");
        Ok(Action::Write(Write {
            region: self.region.ok_or_else(|| missing("region"))?,
            at: self.at.ok_or_else(|| missing("at"))?,
            name: self.name.ok_or_else(|| missing("name"))?,
            change: self.write.ok_or_else(|| missing("write"))?,
        }))
    }
}

/// Reads fields, and refuses a field that is there twice: nobody could say which one is meant.
fn distinct<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Fields<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("fields with their values")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = BTreeMap::new();
            while let Some(field) = map.next_key::<String>()? {
                if fields.contains_key(&field) {
                    return Err(A::Error::custom(format!("duplicate field {field:?}")));
                }
                fields.insert(field, map.next_value()?);
            }
            Ok(fields)
        }
    }
    deserializer.deserialize_map(Fields(PhantomData))
}

/// The reader counts bytes; people and editors count characters.
fn column_of(error: &serde_json::Error, text: &str) -> usize {
    let bytes = error.column().saturating_sub(1).min(text.len());
    String::from_utf8_lossy(&text.as_bytes()[..bytes]).chars().count() + 1
}

/// The message without the position, which is given in front of it. It may quote the line, so
/// nothing in it may move the cursor of a terminal.
fn message_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    message.replace(char::is_control, "\u{fffd}")
}
