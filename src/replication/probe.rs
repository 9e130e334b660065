//! A replica as a state that a search can copy and compare (feature `mutants`).

use alloc::string::String;
use core::fmt::Write;

use super::message::Message;
use super::peer::Peer;
use super::random::Random;
use super::{Config, Replica};
use crate::DeltaCrdt;
use crate::causality::VersionVector;

/// Whatever is due later than this is far off: when exactly does not matter.
const FAR: u64 = 1000;

impl<C: DeltaCrdt> Replica<C> {
    /// A second one, whose random choices follow from `seed`. Its writer has the same id and a clock that stands still,
    /// so both may go on only in worlds of their own.
    #[doc(hidden)]
    #[must_use]
    pub fn duplicate(&self, seed: u64) -> Self {
        Self {
            value: self.value.clone(),
            writer: self.writer.duplicate(),
            config: self.config.clone(),
            now: self.now,
            clock: self.clock,
            random: Random::new(seed),
            members: self.members.clone(),
            durable: self.durable.clone(),
            forked: self.forked,
            shared: self.shared.clone(),
            events: self.events.clone(),
            confirmations: self.confirmations.clone(),
            watches: self.watches.clone(),
            round: self.round,
            session: self.session,
            dirty: self.dirty,
            rumors: self.rumors,
            rumor_at: self.rumor_at,
            beat_at: self.beat_at,
            beats: self.beats,
            beaten: self.beaten,
            encoded: self.encoded.clone(),
            hash: self.hash.clone(),
            sent: self.sent,
            fetch: self.fetch,
            nearly_full: self.nearly_full,
            least: self.least,
        }
    }

    /// Everything on which depends what this replica will do, apart from its configuration and its random
    /// choices. Times count from now. The fields are listed, so that none is forgotten.
    #[doc(hidden)]
    pub fn dump(&self, out: &mut String) {
        let Self {
            value,
            writer,
            config: Config { me, timing, bounds, .. },
            now,
            // The caller's clock.
            clock: _,
            random: _,
            members,
            durable,
            forked,
            shared,
            events,
            confirmations,
            watches,
            session,
            round,
            dirty,
            rumors,
            rumor_at,
            beat_at,
            beats,
            beaten,
            encoded,
            // Follows from the value.
            hash: _,
            // In which order messages leave.
            sent: _,
            nearly_full: _,
            fetch,
            // Follows from the members.
            least: _,
        } = self;
        let beats = beats % timing.audit_every.max(1);
        // A delta made before counts where it would be made differently now.
        let encoded = encoded.as_ref().filter(|delta| delta.upto == *value.version());
        let made_now = |known: &VersionVector| {
            let mut bytes = Vec::new();
            value.encode_delta_since_into(known, bounds.decode.schema, &mut bytes);
            bytes
        };
        let encoded = encoded.filter(|delta| *delta.bytes != *made_now(&delta.known));
        let encoded = encoded.map(|delta| (&delta.known, delta.id));
        let fetch = fetch.map(|fetch| (fetch.from, from_now(Some(fetch.until), *now)));
        let [rumor_at, beat_at] = [rumor_at, beat_at].map(|at| from_now(*at, *now));
        _ = write!(
            out,
            "{me:?} {:?} {:?} {durable:?} {forked:?} {shared:?} {events:?} {confirmations:?} {watches:?} {session} {round} {dirty} \
             {rumors} {rumor_at:?} {beat_at:?} {beats} {beaten:?} {encoded:?} {fetch:?} {:?} {:?} {:?}",
            value.encode(),
            writer.record(),
            members.active(),
            members.voters(),
            members.targets(),
        );
        members.all().for_each(|(id, peer)| {
            _ = write!(out, "\n{id:?} ");
            peer.dump(*now, out);
        });
    }

    /// What a message says that its sender has.
    #[doc(hidden)]
    #[must_use]
    pub fn claimed(&self, bytes: &[u8]) -> Option<VersionVector> {
        let limits = &self.config.bounds.decode;
        match Message::decode(bytes, limits).ok()?.1 {
            Message::Have(have) => Some(have.version),
            Message::Nack(nack) => Some(nack.version),
            Message::Audit(audit) => Some(audit.version),
            Message::Part(part) => Some(C::delta_upto(&C::decode_delta(&part.bytes, limits).ok()?).clone()),
        }
    }
}

impl Peer {
    fn dump(&self, now: u64, out: &mut String) {
        let Self {
            role,
            is_connected,
            known,
            accepts,
            reaches,
            too_large,
            say,
            nack,
            audit,
            pinned,
            owes,
            told,
            waits,
            told_to_wait,
            is_held,
            offers,
            staged,
            push_at,
            news_at,
            retry_at,
            attempts,
            paused_until,
            refusals,
            full,
            bad,
            work,
            asks,
            diverged,
            forked,
            met,
            session,
            ended,
            late,
            returns,
        } = self;
        let [push_at, news_at, retry_at] = [push_at, news_at, retry_at].map(|at| from_now(*at, now));
        let paused = paused_until.saturating_sub(now);
        // How much is left of what it may cost matters when nothing is.
        let empty = [bad, work, asks].map(|budget| budget.clone().is_empty(now));
        let pinned = pinned.as_ref().map(|pinned| {
            let delta = &pinned.delta;
            (delta.id, &delta.known, &delta.base, &delta.upto, pinned.message_bytes(), pinned.has_unsent())
        });
        _ = write!(
            out,
            "{role:?} {is_connected} {known:?} {accepts:?} {reaches:?} {too_large} {say:?} {nack:?} {audit} {pinned:?} {owes:?} {told:?} {waits} {told_to_wait} {is_held} {offers} {staged:?} \
             {push_at:?} {news_at:?} {retry_at:?} {attempts} {paused} {refusals} {full:?} {empty:?} {diverged:?} {forked} {met} {session:?} {ended:?} {late} {returns}"
        );
    }
}

fn from_now(at: Option<u64>, now: u64) -> Option<u64> {
    at.map(|at| at.saturating_sub(now).min(FAR))
}
