//! The report: what was seen, what was settled, what it cost.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dotted::ConflictKind;

use super::conflict::{Place, Side};
use super::exchange::Cost;
use super::region::Region;
use super::replay::{Bill, Found, Journal, Replay, Reunion, Seen, Settlement};

/// Names and values longer than this are shortened.
const WIDTH: usize = 48;
/// A value with more items than this shows the first of them.
const ITEMS: usize = 8;

/// The whole report, for people.
pub fn report(source: &str, replay: &Replay) -> String {
    let mut out = String::new();
    heading(&mut out, source, &replay.journal);
    if replay.journal.writes > 0 {
        for (number, reunion) in (1..).zip(&replay.journal.reunions) {
            seen(&mut out, number, reunion);
            conflicts(&mut out, reunion);
        }
        at_the_end(&mut out, &replay.journal);
        costs(&mut out, replay);
        agreement(&mut out, &replay.journal);
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    _ = out.write_fmt(text);
    out.push('\n');
}

fn heading(out: &mut String, source: &str, journal: &Journal) {
    line(out, format_args!("Three regions write at the same time, cut off from each other, and are reunited."));
    if journal.writes == 0 {
        return line(out, format_args!("Trace: {source}. It has no writes, so there is nothing to replay."));
    }
    let (writes, cuts) = (count(journal.writes, "write"), count(journal.reunions.len(), "cut"));
    let idle = match journal.without_effect {
        0 => String::new(),
        idle => format!(" ({idle} had nothing to change)"),
    };
    line(out, format_args!("Trace: {source}, {writes}{idle}, {cuts}."));
}

fn title(out: &mut String, text: &str) {
    line(out, format_args!("\n{text}\n{}", "-".repeat(text.chars().count())));
}

fn seen(out: &mut String, number: usize, reunion: &Reunion) {
    let when = reunion.line.map_or_else(|| "at the end".to_string(), |line| format!("on line {line}"));
    title(out, &format!("CUT {number}: what each region saw, and what all see since the reunion {when}"));
    if reunion.values.is_empty() {
        line(out, format_args!("Nothing was written meanwhile."));
    }
    for value in &reunion.values {
        line(out, format_args!("{} ({}: {})", plain(&value.name), value.type_name, rule(value.type_name)));
        let common = common(value);
        for region in Region::ALL {
            let items = value.apart[region.index()].as_deref();
            row(
                out,
                region.name(),
                &items.map_or_else(|| "(does not exist yet)".to_string(), |items| beside(items, &common)),
            );
        }
        row(out, "all", &beside(&value.together, &common));
    }
    if reunion.untouched > 0 && !reunion.values.is_empty() {
        line(out, format_args!("{} not written to meanwhile.", were(reunion.untouched, "other value")));
    }
}

/// In a long value, the items that all regions had seen and have kept. Nobody wants to compare those.
fn common(seen: &Seen) -> BTreeSet<&str> {
    if seen.together.len() <= ITEMS {
        return BTreeSet::new();
    }
    let sets = seen.apart.iter().flatten().map(|items| items.iter().map(String::as_str).collect::<BTreeSet<_>>());
    let together = seen.together.iter().map(String::as_str).collect();
    if seen.apart.contains(&None) {
        return BTreeSet::new();
    }
    sets.fold(together, |common, items| &common & &items)
}

/// The items beside the common ones.
fn beside(items: &[String], common: &BTreeSet<&str>) -> String {
    if common.is_empty() {
        return shown(items);
    }
    let beside: Vec<_> = items.iter().filter(|item| !common.contains(item.as_str())).cloned().collect();
    let common = format!("{} that all have", grouped(common.len() as u64));
    if beside.is_empty() { common } else { format!("{common}, and {}", shown(&beside)) }
}

fn row(out: &mut String, label: &str, text: &str) {
    line(out, format_args!("    {label:<11}{text}"));
}

fn conflicts(out: &mut String, reunion: &Reunion) {
    title(out, "CONFLICTS found at this reunion, and how they were settled");
    if reunion.conflicts.is_empty() {
        line(out, format_args!("None: no two regions wrote different values in one place."));
    }
    for found in &reunion.conflicts {
        line(out, format_args!("{}: {}", place(found), kind(found.conflict.kind)));
        let width = found.conflict.versions.iter().map(|side| side_text(side).chars().count()).max().unwrap_or(0);
        for side in &found.conflict.versions {
            let read = if side.read { "   <- read until settled" } else { "" };
            let text = side_text(side);
            row(out, side.region.name(), &format!("{text:<width$}   stamped {:>7} ms{read}", grouped(side.at)));
        }
        match found.settled.as_slice() {
            [] => row(out, "open", "nobody has settled it; all regions read the same"),
            settlements => settlements.iter().for_each(|settlement| settled(out, settlement)),
        }
    }
}

fn settled(out: &mut String, Settlement { region, line: at, shows }: &Settlement) {
    let choice = shows.as_deref().map_or_else(|| "it is gone".to_string(), |value| format!("it is {}", plain(value)));
    row(out, "settled", &format!("by {} on line {at}: {choice}", region.name()));
}

fn place(found: &Found) -> String {
    match &found.conflict.place {
        Place::Field(field) => format!("{}, field {}", plain(&found.name), plain(field)),
        Place::Record => format!("{}, the record as a whole", plain(&found.name)),
        Place::Register => plain(&found.name),
    }
}

fn kind(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::WriteWrite => "write-write, both changed it",
        ConflictKind::InsertInsert => "insert-insert, both created it",
        ConflictKind::UpdateDelete => "update-delete, one deleted what the other changed",
    }
}

fn side_text(side: &Side) -> String {
    match (side.deleted, &side.value) {
        (false, Some(value)) => format!("wrote {}", plain(value)),
        (false, None) => "wrote to it".to_string(),
        (true, Some(value)) => format!("deleted it (it was {})", plain(value)),
        (true, None) => "deleted it".to_string(),
    }
}

/// What settles concurrent writes of a type when nobody decides.
fn rule(type_name: &str) -> &'static str {
    match type_name {
        "set" => "an insert survives a concurrent removal",
        "counter" => "every change counts once",
        "record" => "merges field by field, and shows its conflicts",
        "register" => "the latest is read, the others stay visible",
        _ => "switching on survives concurrent switching off",
    }
}

/// What changed after the last reunion that spoke of it, and what is still open.
fn at_the_end(out: &mut String, journal: &Journal) {
    title(out, "AT THE END: what all three regions see");
    let width = journal.finally.keys().map(|name| plain(name).chars().count()).max().unwrap_or(0);
    for (name, value) in &journal.finally {
        let changed = match last_seen(journal, name) {
            Some(seen) if seen.together != value.items => "   (changed since the reunion)",
            _ => "",
        };
        line(out, format_args!("    {:<width$}   {}{changed}", plain(name), shown(&value.items)));
    }
    let open: usize = journal.finally.values().map(|value| value.open_conflicts).sum();
    match open {
        0 => line(out, format_args!("No conflict is open in any region.")),
        _ => line(out, format_args!("{} open; the next write in that place settles it.", are(open, "conflict"))),
    }
}

fn last_seen<'a>(journal: &'a Journal, name: &str) -> Option<&'a Seen> {
    let mut seen = journal.reunions.iter().rev().flat_map(|reunion| &reunion.values);
    seen.find(|seen| seen.name == name)
}

fn costs(out: &mut String, replay: &Replay) {
    title(out, "COST: bytes of all messages between the regions");
    line(out, format_args!("    {:<18}{:>14}{:>14}{:>14}", "", "by state", "by delta", "by operation"));
    let total = |bill: &Bill| bill.connected.plus(bill.reunions);
    type Part = (&'static str, fn(&Bill) -> Cost);
    let parts: [Part; 3] =
        [("while connected", |bill| bill.connected), ("at reunions", |bill| bill.reunions), ("together", total)];
    for (label, part) in parts {
        let [state, delta, operations] = replay.bills.each_ref().map(|bill| grouped(part(bill).bytes));
        line(out, format_args!("    {label:<18}{state:>14}{delta:>14}{operations:>14}"));
    }
    let [state, delta, operations] = replay.bills.each_ref().map(|bill| grouped(total(bill).messages));
    line(out, format_args!("    {:<18}{state:>14}{delta:>14}{operations:>14}", "messages"));
    if total(&replay.bills[1]).bytes > total(&replay.bills[0]).bytes {
        line(
            out,
            format_args!("These values are so small that a whole one costs less than to ask what is known of it."),
        );
    }
    let questions = grouped(total(&replay.bills[1]).questions);
    let disorder = &replay.disorder;
    line(out, format_args!("Each region sends to both others what it wrote to; the names of values are not counted."));
    line(out, format_args!("By delta, {questions} of the bytes are questions: what the receiver knows already."));
    line(
        out,
        format_args!(
            "Operations were delivered backwards and twice on purpose (counted once): of {} deliveries\n\
             {} came too early and waited, {} came again and changed nothing.",
            grouped(disorder.delivered),
            grouped(disorder.early),
            grouped(disorder.again),
        ),
    );
}

/// Printed only after it was checked: see `replay`.
fn agreement(out: &mut String, journal: &Journal) {
    title(out, "AGREEMENT");
    let values = count(journal.finally.len(), "value");
    line(out, format_args!("    yes   Tokyo, London and São Paulo hold the same {values}, in each of the three ways."));
    line(
        out,
        format_args!(
            "    yes   By state, by delta and by operation everyone saw the same, and found the same conflicts."
        ),
    );
    line(out, format_args!("    yes   The canonical bytes of every value are equal in all three ways."));
}

/// The items of a value on one line.
fn shown(items: &[String]) -> String {
    let more = items.len().saturating_sub(ITEMS);
    let mut shown: Vec<_> = items.iter().take(ITEMS).map(|item| plain(item)).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() { "(nothing)".to_string() } else { shown.join(", ") }
}

/// Text from a trace, safe for a terminal and short enough for a line.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == WIDTH {
            plain.push('…');
            break;
        }
        if is_unsafe(character) { plain.extend(character.escape_unicode()) } else { plain.push(character) }
    }
    if plain.is_empty() { "\"\"".to_string() } else { plain }
}

/// Control characters, and those that turn the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn count(number: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

fn were(number: usize, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "was" } else { "were" })
}

fn are(number: usize, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "is" } else { "are" })
}
