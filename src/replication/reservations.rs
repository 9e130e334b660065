use alloc::vec::Vec;
use core::hash::Hash;

use super::PeerId;
use crate::kernel::{Data, Edit, Events, EventsMut, Mut, View};
use crate::types::{ClaimError, Claiming, Seat};

/// The reservations of one member: it answers the claims of others, and tells what became of its own.
///
/// It belongs to a [`Replica`](super::Replica) of [`Claims`](crate::Claims), or of a [`Store`](crate::Store) with claims
/// in it, and is driven by it: [`step`](Reservations::step), within an edit, after anything was taken in.
///
/// ```
/// use dotted::replication::{PeerId, Reservation, Reservations};
/// use dotted::{Claims, Crdt, Writer};
///
/// let members = [PeerId::from_seed(1), PeerId::from_seed(2)];
/// let (mut a, mut b) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (Claims::new(), Claims::new());
/// let mut tokyo = Reservations::new(members[0], &members);
/// let mut london = Reservations::new(members[1], &members);
/// here.edit(&mut a, |mut claims, edit| tokyo.claim(&mut claims, edit, "12A".to_string()))?;
/// there.merge(&here);
/// assert!(there.edit(&mut b, |mut claims, edit| london.step(&mut claims, edit)).is_empty());
/// here.merge(&there);
/// let confirmed = Reservation::Confirmed { resource: "12A".to_string(), round: 0 };
/// assert_eq!(here.edit(&mut a, |mut claims, edit| tokyo.step(&mut claims, edit)), [confirmed]);
/// # Ok::<(), dotted::ClaimError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reservations<R> {
    me: uuid::Uuid,
    members: Vec<uuid::Uuid>,
    /// My claims whose outcome has not been told, with their rounds.
    waiting: Vec<(R, u64)>,
}

/// What became of a claim of this member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation<R> {
    /// All members have answered, and it is this member's.
    Confirmed {
        /// What was claimed.
        resource: R,
        /// In which round: a fencing token.
        round: u64,
    },
    /// All members have answered, and another one's claim is earlier.
    ClaimLost {
        /// What was claimed.
        resource: R,
        /// In which round.
        round: u64,
        /// Whose it is; `None` if that one has released it already.
        holder: Option<PeerId>,
    },
    /// A member's name is in use twice: what becomes of the claim has to be settled by people.
    Contested {
        /// What was claimed.
        resource: R,
        /// Whose name it is.
        member: PeerId,
    },
}

impl<R: Data + Hash> Reservations<R> {
    /// Of this member, in a group of these. All members have to name the same ones.
    #[must_use]
    pub fn new(me: PeerId, members: &[PeerId]) -> Self {
        Self { me: me.uuid(), members: members.iter().map(PeerId::uuid).collect(), waiting: Vec::new() }
    }

    /// After a restart: waits for the outcome of every claim of this member that the value holds,
    /// also of those that were told before.
    #[must_use]
    pub fn resume<'a>(
        me: PeerId,
        members: &[PeerId],
        claims: View<'a, Claiming<R>, impl Events<'a, Kind = Claiming<R>>>,
    ) -> Self {
        let new = Self::new(me, members);
        let mine = claims.standing().into_iter().filter(|(_, member, _)| *member == new.me);
        Self { waiting: mine.map(|(resource, _, round)| (resource.clone(), round)).collect(), ..new }
    }

    /// Whose a resource is.
    #[must_use]
    pub fn seat<'a>(&self, claims: View<'a, Claiming<R>, impl Events<'a, Kind = Claiming<R>>>, resource: &R) -> Seat {
        claims.seat(resource, &self.members)
    }

    /// Claims a resource. What becomes of it is told by [`step`](Reservations::step).
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is written.
    pub fn claim<'e>(
        &mut self,
        claims: &mut Mut<'e, Claiming<R>, impl EventsMut<'e, Kind = Claiming<R>>>,
        edit: &mut Edit<'e>,
        resource: R,
    ) -> Result<(), ClaimError> {
        claims.claim(edit, resource.clone(), self.me, &self.members)?;
        let round = claims.view(edit).claimed(&resource, self.me).unwrap_or_default();
        self.waiting.push((resource, round));
        Ok(())
    }

    /// Gives up a claim, confirmed or not. `false` if there is none.
    pub fn release<'e>(
        &mut self,
        claims: &mut Mut<'e, Claiming<R>, impl EventsMut<'e, Kind = Claiming<R>>>,
        edit: &mut Edit<'e>,
        resource: &R,
    ) -> bool {
        self.waiting.retain(|(waiting, _)| waiting != resource);
        claims.release(edit, resource, self.me).is_some()
    }

    /// Answers the claims of others, and tells what became of own ones. It writes nothing
    /// when there is nothing new to answer.
    pub fn step<'e>(
        &mut self,
        claims: &mut Mut<'e, Claiming<R>, impl EventsMut<'e, Kind = Claiming<R>>>,
        edit: &mut Edit<'e>,
    ) -> Vec<Reservation<R>> {
        claims.acknowledge(edit, self.me, &self.members);
        let claims = claims.view(edit);
        let mut told = Vec::new();
        self.waiting.retain(|(resource, round)| {
            let outcome = outcome(claims.seat(resource, &self.members), self.me, resource, *round);
            let waits = outcome.is_none();
            told.extend(outcome);
            waits
        });
        told
    }
}

/// What became of my claim in this round, if that is known.
fn outcome<R: Clone>(seat: Seat, me: uuid::Uuid, resource: &R, mine: u64) -> Option<Reservation<R>> {
    let resource = resource.clone();
    let lost = |resource, holder| Some(Reservation::ClaimLost { resource, round: mine, holder });
    match seat {
        Seat::Confirmed { holder, round } if round == mine && holder == me => {
            Some(Reservation::Confirmed { resource, round })
        }
        Seat::Confirmed { holder, round } if round == mine => lost(resource, Some(PeerId::new(holder))),
        Seat::Tentative { round, .. } if round == mine => None,
        // The round is over, and who had won it has released it.
        Seat::Free | Seat::Confirmed { .. } | Seat::Tentative { .. } => lost(resource, None),
        Seat::Contested { member } => Some(Reservation::Contested { resource, member: PeerId::new(member) }),
    }
}
