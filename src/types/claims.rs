use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};
use core::hash::Hash;

use hashbrown::{Equivalent, HashSet};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tag;
use crate::causality::{Dot, Timestamp, Writer};
use crate::hashing::Keyed;
use crate::kernel::{
    Causal, Data, DotStore, Edit, Events, EventsMut, Hashed, Kind, Mut, ShowKind, View, payload, reads,
};
use crate::mutants::{self, Mutant};

/// Reservations of what only one can have: claimed at once anywhere, confirmed when every member has
/// answered.
///
/// In each round each member makes one statement about a resource: that it claims it, or that it has
/// seen a claim and so will not claim it any more. An event arrives after all that its writer had written
/// before. So whoever knows the statements of all members knows all claims there can be, and everyone who does
/// chooses the same: the earliest by `(timestamp, member)`. Until then claims are *tentative*.
///
/// | concurrent | result |
/// |---|---|
/// | claim ∥ claim | both are tentative; when all members have answered the earlier is confirmed, the other lost |
/// | claim ∥ release of an earlier claim | the claim is lost; the resource is free for the next round |
///
/// Nobody waits in order to claim, and nobody is told that a claim is confirmed that is not. But this is no
/// consensus: as long as a member is away, claims stay tentative. Only consensus gives an immediate
/// final answer, or a right that is held beforehand, as in a bounded counter of one that is handed over.
///
/// Who the members are has to be agreed upon elsewhere, and everyone has to go by the same ones before the next claim: one
/// who joins may have claimed, by an earlier clock, what was confirmed without it. A member keeps its name only as
/// long as it keeps its value; when that is lost, or a copy of it writes as well, it has to come back under a new name. Two
/// statements that cannot both come from one member are shown as [`Seat::Contested`].
///
/// ```
/// use dotted::{Claims, Crdt, Seat, Writer};
/// # use uuid::Uuid;
///
/// let members = [Uuid::from_u128(1), Uuid::from_u128(2)];
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (Claims::new(), Claims::new());
/// let seat = "12A".to_string();
/// here.claim(&mut tokyo, seat.clone(), members[0], &members)?;
/// there.claim(&mut london, seat.clone(), members[1], &members)?;
/// assert_eq!(here.seat(&seat, &members), Seat::Tentative { holder: members[0], round: 0 });
/// here.merge(&there); // now it has heard from all
/// there.merge(&here);
/// let Seat::Confirmed { holder, .. } = here.seat(&seat, &members) else { panic!() };
/// assert_eq!(there.seat(&seat, &members), Seat::Confirmed { holder, round: 0 });
/// # Ok::<(), dotted::ClaimError>(())
/// ```
///
/// All operations cost O(members), `acknowledge` O(statements).
pub type Claims<R> = Causal<ClaimsBody<R>>;
/// The body of [`Claims`], for values made of values.
pub type ClaimsBody<R> = DotStore<Claiming<R>>;

/// The kind of [`Claims`]: under each resource and member, what the member says.
#[derive(Debug)]
pub struct Claiming<R>(core::marker::PhantomData<R>);

/// What an event of [`Claims`] is about.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ClaimKey<R> {
    resource: R,
    member: Uuid,
}

impl ClaimKey<Arc<str>> {
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    pub(crate) fn member(&self) -> Uuid {
        self.member
    }

    /// As the key of a value in a store: the member, then the resource.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [&self.member.as_bytes()[..], self.resource.as_bytes()].concat()
    }

    /// The key with these bytes. `None` if there is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (member, resource) = bytes.split_first_chunk()?;
        let resource = core::str::from_utf8(resource).ok()?.into();
        Some(Self { resource, member: Uuid::from_bytes(*member) })
    }
}

/// A key, borrowed, that hashes as it does.
#[derive(Hash)]
struct Probe<'a, R> {
    resource: &'a R,
    member: Uuid,
}

impl<R: Eq> Equivalent<ClaimKey<R>> for Probe<'_, R> {
    fn equivalent(&self, key: &ClaimKey<R>) -> bool {
        self.member == key.member && *self.resource == key.resource
    }
}

/// What a member says of a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Statement {
    round: u64,
    at: Timestamp,
    says: Says,
}
payload!(Statement);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Says {
    /// It has seen a claim of this round, and will make none.
    Seen,
    /// It claims the resource.
    Claimed,
    /// It had claimed it, and gives it up. It stays the holder of the round if it was.
    Released,
}

impl<R: Data + Hash> Kind for Claiming<R> {
    type Key = Hashed<ClaimKey<R>>;
    type Value = Statement;
    type Policy = ();
    const TAG: u8 = tag::CLAIMS;
    const NAME: &'static str = "Claims";

    /// What was said is never removed.
    fn admits(_: u32, _: &Self::Key, said: Option<&Statement>) -> bool {
        said.is_some()
    }
}

/// Whose a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// Nobody's: it can be claimed.
    Free,
    /// Not every member has answered yet: another claim may turn out to be earlier.
    Tentative {
        /// Who has the earliest claim that is known here.
        holder: Uuid,
        /// The round.
        round: u64,
    },
    /// For good, until its holder releases it: every replica that knows as much says so.
    Confirmed {
        /// Who has it.
        holder: Uuid,
        /// The round. It grows with each holder, so it serves as a fencing token.
        round: u64,
    },
    /// This member has made statements that exclude each other: its name is in use twice.
    Contested {
        /// Which member.
        member: Uuid,
    },
}

/// Why a resource cannot be claimed. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimError {
    /// The claimant is not among the members.
    NotAMember,
    /// It is claimed, or was, and not every member has answered yet.
    Taken {
        /// By this member, as far as is known here.
        holder: Uuid,
    },
    /// A member's name is in use twice.
    Contested {
        /// Which member.
        member: Uuid,
    },
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAMember => f.write_str("only members can claim"),
            Self::Taken { holder } => write!(f, "member {holder} has claimed it"),
            Self::Contested { member } => write!(f, "the name of member {member} is in use twice"),
        }
    }
}

impl core::error::Error for ClaimError {}

/// What is known of the last round of a resource.
struct Round {
    number: u64,
    /// The earliest claim, and whether it still stands.
    first: Option<(Timestamp, Uuid, bool)>,
    /// Whether all members have answered.
    complete: bool,
    contested: Option<Uuid>,
}

impl Round {
    /// The number of the next round, if this one is over. Behind the last one there is none: a round that is claimed
    /// twice could be confirmed twice. Only who forges statements gets there.
    fn next(&self) -> Option<u64> {
        let stands = self.first.is_some_and(|(.., stands)| stands);
        let over = self.complete && !stands && self.contested.is_none();
        self.number.checked_add(1).filter(|_| over)
    }
}

impl<'a, R: Data + Hash, E: Events<'a, Kind = Claiming<R>>> View<'a, Claiming<R>, E> {
    /// What a member says, in the last of the rounds it speaks of; and whether it contradicts itself.
    fn statement(self, resource: &R, member: Uuid) -> Option<(Statement, bool)> {
        let slot = self.events.find_live(&Probe { resource, member })?;
        let events = self.events.events_at(slot);
        let mut last = None;
        for (_, said) in events.live() {
            let order = (said.round, said.says as u8, said.at);
            if last.is_none_or(|(greatest, _)| order > greatest) {
                last = Some((order, *said));
            }
        }
        let (_, last) = last?;
        let mut contested = false;
        for (_, said) in events.live() {
            // To have seen it twice, at other times, is no contradiction: neither copy will claim.
            let agrees = *said == last || (said.says, last.says) == (Says::Seen, Says::Seen);
            contested |= said.round == last.round && !agrees;
        }
        Some((last, contested))
    }

    fn round(self, resource: &R, members: &[Uuid]) -> Option<Round> {
        let mut last: Option<Round> = None;
        let mut answers = 0;
        for &member in members {
            let Some((said, contested)) = self.statement(resource, member) else { continue };
            if last.as_ref().is_none_or(|last| last.number < said.round) {
                last = Some(Round { number: said.round, first: None, complete: false, contested: None });
                answers = 0;
            }
            let Some(round) = last.as_mut().filter(|last| last.number == said.round) else { continue };
            answers += 1;
            if contested && round.contested.is_none() {
                round.contested = Some(member);
            }
            let claim = (said.at, member, said.says == Says::Claimed);
            if said.says != Says::Seen && round.first.is_none_or(|first| claim < first) {
                round.first = Some(claim);
            }
        }
        let mut last = last?;
        last.complete = answers == members.len() || mutants::on(Mutant::ClaimsIgnoreSilence);
        Some(last)
    }
}

/// Writes to [`Claims`] within an edit.
pub type ClaimsMut<'e, R> = Mut<'e, Claiming<R>>;

impl<'e, R: Data + Hash, E: EventsMut<'e, Kind = Claiming<R>>> Mut<'e, Claiming<R>, E> {
    pub(crate) fn view<'v>(&'v self, edit: &'v Edit<'_>) -> View<'v, Claiming<R>, impl Events<'v, Kind = Claiming<R>>> {
        View::new(self.events.read(), edit.version())
    }

    fn state(&mut self, edit: &mut Edit<'e>, resource: R, member: Uuid, said: Statement) -> Dot {
        self.events.write(edit, Hashed(ClaimKey { resource, member }), Some(said))
    }

    /// Claims a resource, if it is free as far as is known.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is written.
    pub fn claim(&mut self, edit: &mut Edit<'e>, resource: R, me: Uuid, members: &[Uuid]) -> Result<Dot, ClaimError> {
        if !members.contains(&me) {
            return Err(ClaimError::NotAMember);
        }
        let view = self.view(edit);
        let mine = view.statement(&resource, me).map(|(said, _)| said.round);
        let round = match view.round(&resource, members) {
            None => 0,
            Some(Round { contested: Some(member), .. }) => return Err(ClaimError::Contested { member }),
            Some(round) => match (round.next(), round.first) {
                (Some(next), _) => next,
                (None, None) if mine < Some(round.number) => round.number,
                (None, first) => return Err(ClaimError::Taken { holder: first.map_or(me, |(_, holder, _)| holder) }),
            },
        };
        let at = edit.now();
        Ok(self.state(edit, resource, me, Statement { round, at, says: Says::Claimed }))
    }

    /// Gives up a claim, confirmed or not. `None` if this member has no claim, and nothing is written.
    pub fn release(&mut self, edit: &mut Edit<'e>, resource: &R, me: Uuid) -> Option<Dot> {
        let (said, _) = self.view(edit).statement(resource, me)?;
        let released = Statement { says: Says::Released, ..said };
        (said.says == Says::Claimed).then(|| self.state(edit, resource.clone(), me, released))
    }

    /// Answers all claims that this member has not answered yet. Returns the last of its events.
    pub fn acknowledge(&mut self, edit: &mut Edit<'e>, me: Uuid, members: &[Uuid]) -> Option<Dot> {
        if !members.contains(&me) {
            return None;
        }
        let view = self.view(edit);
        let unanswered = view.resources().into_iter().filter_map(|resource| {
            let round = view.round(resource, members)?.number;
            let answered = view.statement(resource, me).is_some_and(|(said, _)| said.round >= round);
            (!answered).then(|| (resource.clone(), round))
        });
        let unanswered: Vec<_> = unanswered.collect();
        let at = edit.now();
        let answer = |(resource, round)| self.state(edit, resource, me, Statement { round, at, says: Says::Seen });
        unanswered.into_iter().map(answer).last()
    }
}

reads! { impl[R: Data + Hash] Claiming<R> {
    /// Whose a resource is.
    #[must_use]
    fn seat(view, resource: &R, members: &[Uuid]) -> Seat {
        let Some(round) = view.round(resource, members) else { return Seat::Free };
        let Round { number, complete, contested, .. } = round;
        match (contested, round.next(), round.first) {
            (Some(member), ..) => Seat::Contested { member },
            (None, Some(_), _) | (None, None, None) => Seat::Free,
            (None, None, Some((_, holder, _))) if complete => Seat::Confirmed { holder, round: number },
            (None, None, Some((_, holder, _))) => Seat::Tentative { holder, round: number },
        }
    }

    /// The round in which a member claims a resource, and has not released it.
    #[must_use]
    fn claimed(view, resource: &R, member: Uuid) -> Option<u64> {
        let (said, _) = view.statement(resource, member)?;
        (said.says == Says::Claimed).then_some(said.round)
    }

    /// The claims that stand, tentative or confirmed or lost: resource, member and round of those that were not
    /// released. In the order of the dots: the same on all replicas.
    #[must_use]
    fn standing(view) -> Vec<(&'a R, Uuid, u64)> {
        let keys = view.events.slots_by_dot(view.version).into_iter().map(|slot| &view.events.key_at(slot).0);
        keys.filter_map(|key| Some((&key.resource, key.member, view.claimed(&key.resource, key.member)?))).collect()
    }

    /// All resources that were ever claimed, in the order of the dots: the same on all replicas.
    #[must_use]
    fn resources(view) -> Vec<&'a R> {
        let mut seen = HashSet::<_, Keyed>::default();
        let slots = view.events.slots_by_dot(view.version).into_iter();
        slots.map(|slot| &view.events.key_at(slot).0.resource).filter(|resource| seen.insert(*resource)).collect()
    }
} }

impl<R: Data + Hash> Claims<R> {
    /// Claims a resource for this member, if it is free as far as is known. The claim is tentative until
    /// all members have answered: see [`seat`](Claims::seat).
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is written.
    pub fn claim(&mut self, writer: &mut Writer, resource: R, me: Uuid, members: &[Uuid]) -> Result<Dot, ClaimError> {
        self.edit(writer, |mut claims, edit| claims.claim(edit, resource, me, members))
    }

    /// Gives up a claim, confirmed or not. `None` if this member has no claim, and nothing is written.
    pub fn release(&mut self, writer: &mut Writer, resource: &R, me: Uuid) -> Option<Dot> {
        self.edit(writer, |mut claims, edit| claims.release(edit, resource, me))
    }

    /// Answers all claims that this member has not answered yet: it will not claim these resources
    /// in this round. Every member calls it when it has taken in something new.
    /// Returns the last of its events, or `None` if there was nothing to answer.
    pub fn acknowledge(&mut self, writer: &mut Writer, me: Uuid, members: &[Uuid]) -> Option<Dot> {
        self.edit(writer, |mut claims, edit| claims.acknowledge(edit, me, members))
    }
}

impl<R: Data + Hash + Debug> ShowKind for Claiming<R> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements = view.events.slots_by_dot(view.version).into_iter().filter_map(|slot| {
            let ClaimKey { resource, member } = &view.events.key_at(slot).0;
            let (said, _) = view.statement(resource, *member)?;
            Some(((resource, *member), (said.round, said.says)))
        });
        f.debug_map().entries(statements).finish()
    }
}
