//! A member that means harm: between the network and a node that is as it should be.
//!
//! It belongs to the network, answers whether it is there and agrees with every layout, so that it stays one of those that
//! are responsible. It acknowledges whatever it is to store and keeps nothing; it says that it has all that it heard of, or
//! that there is no such thing; it gives other bytes than those that were asked for, invents nodes, proves nothing, and
//! every now and then says nothing at all.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use kadenza_contract::{Song, SongId};
use kadenza_distributed::{
    Contact, Key, Reply, Request,
    rpc::{Class, Evidence, Handled, Handler, Peer, PeerId, ReplyResult},
};
use parking_lot::Mutex;

use crate::base::dice::Dice;

/// Of how many answers about songs one never comes.
const SILENT: f64 = 0.1;

/// A node that is hostile once it is told to be.
pub(super) struct Hostile {
    pub(super) honest: Arc<dyn Handler<Request>>,
    pub(super) is_hostile: Arc<AtomicBool>,
    pub(super) dice: Dice,
    /// The songs of which it heard.
    pub(super) heard_of: Mutex<BTreeMap<SongId, Song>>,
}

impl Handler<Request> for Hostile {
    fn heard_from(&self, peer: Peer, evidence: Evidence) {
        self.honest.heard_from(peer, evidence);
    }

    fn answered(&self, peer: &PeerId, class: Class, took: Duration) {
        self.honest.answered(peer, class, took);
    }

    fn handle(&self, from: Peer, request: Request, attachment: Bytes) -> Handled<Reply> {
        if !self.is_hostile.load(Relaxed) {
            return self.honest.handle(from, request, attachment);
        }
        match self.lie(&request, &attachment) {
            None => self.honest.handle(from, request, attachment),
            Some(_) if self.dice.happens(SILENT) => {
                Handled::Later(Box::pin(std::future::pending()))
            }
            Some(lie) => Handled::Now(lie),
        }
    }
}

impl Hostile {
    /// What it says; none where it says the truth.
    fn lie(&self, request: &Request, attachment: &Bytes) -> Option<ReplyResult<Reply>> {
        let bare = |reply| Ok((reply, Bytes::new()));
        Some(match request {
            Request::Ping | Request::Layout | Request::Status => return None,
            // Accounts are believed by their signatures, not by who brings them.
            Request::Accounts { .. } | Request::TakeAccounts => return None,
            Request::FindNode { .. } => {
                let invented = (1..=20).map(|number| Contact {
                    id: Key::from_bytes(self.dice.key()),
                    address: ([10, 9, 9, number], 4534).into(),
                });
                bare(Reply::Nodes {
                    settled: true,
                    nodes: invented.collect(),
                })
            }
            Request::Store { recording } => {
                self.hear_of(Song::new(recording.as_ref().clone()));
                let ticket = Some(self.dice.number());
                bare(Reply::Ticket { ticket })
            }
            Request::StoreChunk { .. } | Request::StoreCommit { .. } => bare(Reply::Done),
            Request::Cards => {
                let songs: Vec<Song> = serde_json::from_slice(attachment).unwrap_or_default();
                songs.into_iter().for_each(|song| self.hear_of(song));
                bare(Reply::Done)
            }
            Request::Song { id, .. } => self.claim(id),
            Request::Search { .. } => Ok((Reply::Songs { next: None }, Bytes::from_static(b"[]"))),
            Request::Browse { .. } => Ok((Reply::Groups { next: None }, Bytes::from_static(b"[]"))),
            Request::Read { start, end, .. } => {
                let many = usize::try_from(end.saturating_sub(*start)).unwrap_or(0);
                let other = vec![0x55; many.min(1 << 20)];
                Ok((Reply::Found { found: true }, other.into()))
            }
            Request::Chunks { .. } | Request::Lyrics { .. } => bare(Reply::Found { found: false }),
            Request::Artwork { .. } => bare(Reply::Artwork { picture: None }),
            Request::Compare { .. } => bare(Reply::Differs { parts: Vec::new() }),
            // It lacks nothing.
            Request::Offer { .. } => bare(Reply::Missing),
            Request::Prove { .. } => {
                let proof = Some(Key::from_bytes(self.dice.key()));
                bare(Reply::Proof { proof })
            }
        })
    }

    fn hear_of(&self, song: Song) {
        let mut heard_of = self.heard_of.lock();
        if let Some(known) = heard_of.get_mut(&song.id()) {
            known.merge(&song);
        } else {
            heard_of.insert(song.id(), song);
        }
    }

    /// That it has a song with all its recordings, or that there is none.
    fn claim(&self, id: &SongId) -> ReplyResult<Reply> {
        let known = self.heard_of.lock().get(id).cloned();
        let claimed = known.filter(|_| self.dice.happens(0.5));
        let recordings = claimed.iter().flat_map(Song::recordings);
        let reply = Reply::Song {
            held: recordings.map(|recording| recording.content).collect(),
            next: None,
        };
        let card = claimed.as_ref().map(serde_json::to_vec);
        let card = card.and_then(Result::ok).unwrap_or_default();
        Ok((reply, card.into()))
    }
}
