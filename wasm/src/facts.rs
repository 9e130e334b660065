//! Ledgers and claims.

use alloc::sync::Arc;
use alloc::vec::Vec;

use dotted::{ByName, Dispute, Edit, Mut, Recorded, Request, RequestId, Seat, Transfer, Version, View};
use uuid::Uuid;

use crate::failure::Failure;
use crate::names::read as op;
use crate::wire::{In, Out};

/// A request of a client.
pub fn request(input: &mut In<'_>) -> Result<RequestId, Failure> {
    Ok(RequestId { client: input.uuid()?, number: input.number()? })
}

/// What a request says.
pub fn transfer(input: &mut In<'_>) -> Result<Transfer, Failure> {
    Ok(Transfer { from: input.text()?.into(), to: input.text()?.into(), amount: input.number()? })
}

/// Who says something, and with whom. What is said of a resource, if of one, comes last.
pub fn members(input: &mut In<'_>) -> Result<(Uuid, Vec<Uuid>), Failure> {
    Ok((input.uuid()?, input.list(In::uuid)?))
}

/// Records requests. Of each it is said whether it was new (0), known (1), or its id stands for something else (2).
pub fn record<'e>(
    store: &mut Mut<'e, ByName>,
    edit: &mut Edit<'e>,
    name: &str,
    requests: Vec<(RequestId, Transfer)>,
    out: &mut Out,
) {
    let mut ledger = store.ledger(name);
    for (id, entry) in requests {
        out.number(match ledger.record(edit, id, entry) {
            Ok(Recorded::New(_)) => 0,
            Ok(Recorded::Before) => 1,
            Err(_) => 2,
        });
    }
}

/// Answers to questions about ledgers and claims.
pub fn read(store: View<'_, ByName>, question: u8, mut input: In<'_>, out: &mut Out) -> Result<(), Failure> {
    let name = input.text()?;
    let (ledger, claims) = (store.ledger(name), store.claims(name));
    match question {
        op::LEDGER_GET => match ledger.get(request(&mut input)?) {
            None => out.number(0),
            Some(Request::Recorded(entry)) => {
                out.number(1);
                put_transfer(entry, out);
            }
            Some(Request::Folded) => out.number(2),
            Some(Request::Disputed(versions)) => {
                out.number(3);
                put_versions(&versions, out);
            }
        },
        op::LEDGER_TOTAL => ledger.total().iter().for_each(|(account, balance)| {
            out.text(account);
            out.wide(balance);
        }),
        op::LEDGER_REQUESTS => ledger.requests().for_each(|(id, entry)| {
            put_request(id, out);
            put_transfer(entry, out);
        }),
        op::LEDGER_DISPUTES => ledger.disputes().iter().for_each(|Dispute { id, folded, versions }| {
            put_request(*id, out);
            out.flag(*folded);
            put_versions(versions, out);
        }),
        op::CLAIMS_SEATS => {
            // Of one resource, or of all.
            let (_, members) = members(&mut input)?;
            let one: Option<Arc<str>> = if input.is_at_end() { None } else { Some(input.text()?.into()) };
            for resource in one.as_ref().map_or_else(|| claims.resources(), |one| [one].into()) {
                out.text(resource);
                put_seat(claims.seat(resource, &members), out);
            }
        }
        op::CLAIMS_STANDING => claims.standing().into_iter().for_each(|(resource, member, round)| {
            out.text(resource);
            out.uuid(member);
            out.number(round);
        }),
        op::CLAIMS_CLAIMED => {
            let member = input.uuid()?;
            out.option(claims.claimed(&input.text()?.into(), member), Out::number);
        }
        _ => return Err(Failure::ARGUMENT),
    }
    Ok(())
}

fn put_request(id: RequestId, out: &mut Out) {
    out.uuid(id.client);
    out.wide(id.number.into());
}

fn put_transfer(entry: &Transfer, out: &mut Out) {
    out.text(&entry.from);
    out.text(&entry.to);
    out.wide(entry.amount.into());
}

fn put_versions(versions: &[Version<&Transfer>], out: &mut Out) {
    out.number(versions.len() as u64);
    for version in versions {
        out.option(version.value, |out, entry| put_transfer(entry, out));
        out.dot(&version.dot);
        let at = version.timestamp.unwrap_or_default();
        out.number(at.millis());
        out.number(at.logical().into());
    }
}

fn put_seat(seat: Seat, out: &mut Out) {
    let (state, who, round) = match seat {
        Seat::Free => (0, None, 0),
        Seat::Tentative { holder, round } => (1, Some(holder), round),
        Seat::Confirmed { holder, round } => (2, Some(holder), round),
        Seat::Contested { member } => (3, Some(member), 0),
    };
    out.number(state);
    out.option(who, Out::uuid);
    out.number(round);
}
