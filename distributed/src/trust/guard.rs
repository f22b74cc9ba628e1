//! The gate of a running node: what it shows, whom it admits, and how it answers those that apply.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use kadenza_accounts::{Vouching, WriterId};
use kadenza_rpc::{Applicant, Gate, NodeKey, PeerId, PublicKey};
use kadenza_trust::{Chain, ClusterId, Member, Refused, Revocations, Signed, Subject};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{
    application::{Answer, Application},
    directory::{Directory, TrustError, machine_name, now},
};

/// How many members are remembered. A cluster has fewer.
const SEEN_MAX: usize = 4096;

/// What two nodes show each other.
#[derive(Serialize, Deserialize)]
struct Introduction {
    chain: Chain,
    /// The digest of the revocations that the node knows.
    #[serde(with = "hex::serde")]
    revocations: [u8; 32],
}

/// Who may take part, as this node knows.
pub(crate) struct Guard {
    key: NodeKey,
    cluster: ClusterId,
    directory: Directory,
    state: Mutex<State>,
    /// Held while an invitation is looked at, so that it is used once.
    inviting: Mutex<()>,
    /// Something changed that is to be kept, or that others should hear of.
    pub(super) news: Notify,
}

#[derive(Debug)]
struct State {
    chain: Chain,
    own: Member,
    revocations: Revocations,
    /// The members that were met.
    seen: BTreeMap<PeerId, Seen>,
    /// Those that know other revocations than this node.
    differing: BTreeSet<PeerId>,
    /// Those of them that could not be asked.
    unreached: BTreeSet<PeerId>,
    /// Those that are shut out, and with whom this node may still have connections.
    shut_out: BTreeSet<PeerId>,
    seen_changed: bool,
}

#[derive(Debug, Clone)]
struct Seen {
    chain: Chain,
    member: Member,
}

/// By what a node is given a record.
#[derive(Clone, Copy)]
enum Right<'a> {
    /// An invitation, which says whether it may invite others.
    Invited(bool),
    /// It is a member.
    Member(&'a Member),
}

/// A member that this node may ask for something outside of the network.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: PeerId,
    /// Where it listened when its record was made.
    pub(super) address: String,
    pub(super) may_invite: bool,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// Members are who was met with a chain, and is not shut out.
impl Vouching for Guard {
    fn vouches(&self, writer: WriterId) -> bool {
        let id = PublicKey::from_bytes(*writer.as_bytes()).id();
        id == self.key.id() || self.state.lock().seen.contains_key(&id)
    }
}

impl Guard {
    /// The guard of the node with this key, by what its directory says.
    ///
    /// # Errors
    ///
    /// If the directory belongs to no cluster, or its record is worth nothing. One that is over is no error: it may be
    /// renewed.
    pub(crate) fn open(data: &Path, key: NodeKey) -> Result<Guard, TrustError> {
        let directory = Directory::of(data);
        let path = || data.to_owned();
        let chain = directory.chain()?;
        let chain = chain.ok_or_else(|| TrustError::NoRecord { path: path() })?;
        let not_valid = |why| TrustError::NotValid { path: path(), why };
        let cluster = chain.cluster().ok_or(Refused::Signature);
        let cluster = cluster.map_err(not_valid)?;
        let mut revocations = Revocations::default();
        revocations.add(cluster, directory.revocations()?);
        let own = chain.verify_at_any_time(&key.id(), cluster, &revocations);
        let own = own.map_err(not_valid)?;
        let mut seen = BTreeMap::new();
        for (id, chain) in directory.seen()? {
            if let Ok(member) = chain.verify_at_any_time(&id, cluster, &revocations) {
                seen.insert(id, Seen { chain, member });
            }
        }
        Ok(Guard {
            key,
            cluster,
            directory,
            state: Mutex::new(State {
                chain,
                own,
                revocations,
                seen,
                differing: BTreeSet::new(),
                unreached: BTreeSet::new(),
                shut_out: BTreeSet::new(),
                seen_changed: false,
            }),
            inviting: Mutex::new(()),
            news: Notify::new(),
        })
    }

    pub(super) fn key(&self) -> &NodeKey {
        &self.key
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What this node is called, and where it listens.
    pub(super) fn subject(&self, address: &str) -> Subject {
        Subject {
            key: self.key.public(),
            name: machine_name(),
            address: address.to_owned(),
        }
    }

    /// The chain of this node, and what it shows.
    pub(super) fn own(&self) -> (Chain, Member) {
        let state = self.state.lock();
        (state.chain.clone(), state.own.clone())
    }

    /// The members that were met, and are not shut out.
    pub(super) fn members(&self) -> Vec<Known> {
        let state = self.state.lock();
        let known = state.seen.iter().map(|(id, seen)| Known {
            id: *id,
            address: seen.member.record.subject.address.clone(),
            may_invite: seen.member.may_invite,
        });
        known.collect()
    }

    /// The members that were met, to be kept, if that has changed since it was last asked for.
    pub(super) fn seen_if_changed(&self) -> Option<BTreeMap<PeerId, Chain>> {
        let mut state = self.state.lock();
        std::mem::take(&mut state.seen_changed).then(|| {
            let seen = state.seen.iter();
            seen.map(|(id, seen)| (*id, seen.chain.clone())).collect()
        })
    }

    /// The members that know other revocations.
    pub(super) fn take_differing(&self) -> BTreeSet<PeerId> {
        std::mem::take(&mut self.state.lock().differing)
    }

    /// A member that knows other revocations could not be asked.
    pub(super) fn not_reached(&self, member: PeerId) {
        self.state.lock().unreached.insert(member);
    }

    /// Those that could not be asked are to be asked again.
    pub(super) fn try_again(&self) {
        let mut state = self.state.lock();
        let unreached = std::mem::take(&mut state.unreached);
        state.differing.extend(unreached);
    }

    /// The nodes that are shut out since this was last asked for.
    pub(super) fn take_shut_out(&self) -> BTreeSet<PeerId> {
        std::mem::take(&mut self.state.lock().shut_out)
    }

    /// The members whose records are over.
    pub(super) fn take_expired(&self) -> Vec<PeerId> {
        let now = now();
        let mut state = self.state.lock();
        let revocations = std::mem::take(&mut state.revocations);
        let is_over = |id: &PeerId, seen: &mut Seen| {
            seen.chain.verify(id, self.cluster, &revocations, now) == Err(Refused::Time)
        };
        let expired = state.seen.extract_if(.., is_over);
        let expired = expired.map(|(id, _)| id).collect();
        state.revocations = revocations;
        expired
    }

    pub(super) fn revocations(&self) -> Vec<Signed> {
        self.state.lock().revocations.signed().cloned().collect()
    }

    /// Learns of revocations, and keeps them.
    ///
    /// # Errors
    ///
    /// If they cannot be kept. They count nevertheless.
    pub(super) fn learn(&self, signed: Vec<Signed>) -> Result<(), TrustError> {
        let mut state = self.state.lock();
        let new = state.revocations.add(self.cluster, signed);
        if new.is_empty() {
            return Ok(());
        }
        let State {
            chain,
            own,
            revocations,
            seen,
            ..
        } = &mut *state;
        for node in &new {
            tracing::info!(target: "audit", %node, "revocation-learnt");
        }
        let mut out = BTreeSet::from_iter(new);
        seen.retain(|id, seen| {
            let shown = seen.chain.verify_at_any_time(id, self.cluster, revocations);
            match shown {
                Ok(member) => seen.member = member,
                Err(_) => {
                    out.insert(*id);
                    return false;
                }
            }
            true
        });
        match chain.verify_at_any_time(&self.key.id(), self.cluster, revocations) {
            Ok(member) => *own = member,
            Err(why) => tracing::error!(%why, "this node does not belong to its cluster any more"),
        }
        // The others should hear of it.
        let members: Vec<PeerId> = seen.keys().copied().collect();
        let known: Vec<&Signed> = revocations.signed().collect();
        let kept = self.directory.keep_revocations(&known);
        state.differing.extend(members);
        state.shut_out.extend(out);
        state.seen_changed = true;
        drop(state);
        self.news.notify_one();
        kept
    }

    /// Takes a new chain of this node, if it shows what it should.
    ///
    /// # Errors
    ///
    /// If it does not, or cannot be kept.
    pub(super) fn renew(&self, chain: Chain) -> Result<(), TrustError> {
        let mut state = self.state.lock();
        let shown = chain.verify(&self.key.id(), self.cluster, &state.revocations, now());
        let own = shown.map_err(|why| TrustError::Refused {
            why: format!("it gave a record that is not valid: {why}"),
        })?;
        self.directory.keep_chain(&chain)?;
        (state.chain, state.own) = (chain, own);
        Ok(())
    }

    fn answer(&self, applicant: Applicant, application: Application) -> Result<Answer, TrustError> {
        let refused = |why: &str| {
            Ok(Answer::Refused {
                why: why.to_owned(),
            })
        };
        match application {
            Application::Join {
                invitation,
                proof,
                subject,
            } => {
                let _turn = self.inviting.lock();
                let given = self.directory.given_out(invitation)?;
                let given = given.filter(|given| {
                    let invitation = &given.invitation;
                    invitation.is_proven(&proof, &applicant.id, &applicant.binding)
                });
                let Some(mut given) = given else {
                    return refused("this invitation is unknown, or over; ask for a new one");
                };
                if given.used_by.is_some_and(|by| by != applicant.id) {
                    return refused("this invitation has been used; ask for a new one");
                }
                let answer = self.admit_anew(applicant, subject, Right::Invited(given.may_invite));
                if matches!(answer, Answer::Admitted { .. }) && given.used_by.is_none() {
                    given.used_by = Some(applicant.id);
                    self.directory.keep_given_out(&given)?;
                }
                Ok(answer)
            }
            Application::Renew { chain, subject } => match self.shown(&chain, &applicant) {
                Ok(member) => Ok(self.admit_anew(applicant, subject, Right::Member(&member))),
                Err(why) => refused(&why.to_string()),
            },
            Application::Compare { chain, revocations } => {
                if let Err(why) = self.shown(&chain, &applicant) {
                    return refused(&why.to_string());
                }
                self.learn(revocations)?;
                // It knows what this node knows, once it has the answer.
                self.state.lock().differing.remove(&applicant.id);
                Ok(Answer::Revocations {
                    revocations: self.revocations(),
                })
            }
        }
    }

    /// What the chain of an applicant shows, though its time may be over.
    fn shown(&self, chain: &Chain, applicant: &Applicant) -> Result<Member, Refused> {
        let revocations = &self.state.lock().revocations;
        chain.verify_at_any_time(&applicant.id, self.cluster, revocations)
    }

    /// Signs a record for a node.
    fn admit_anew(&self, applicant: Applicant, subject: Subject, right: Right<'_>) -> Answer {
        let refused = |why: &str| Answer::Refused {
            why: why.to_owned(),
        };
        if subject.key.id() != applicant.id {
            return refused("the key is not that of the connection");
        }
        let state = self.state.lock();
        if state.revocations.has(&applicant.id) {
            return refused(
                "this node is revoked: its directory can join as a new node without node.key",
            );
        }
        let own = &state.own;
        if own.until < now() {
            return refused("the record of this node is over as well");
        }
        let name = subject.name.clone();
        let chain = match right {
            Right::Invited(may_invite) => {
                (state.chain).extended(&self.key, own, subject, may_invite, now())
            }
            Right::Member(member) => (state.chain).renewed(&self.key, own, subject, member, now()),
        };
        match chain {
            Some(chain) => {
                tracing::info!(node = %applicant.id, name, "let a node into the cluster");
                tracing::info!(target: "audit", node = %applicant.id, name, "record-given");
                Answer::Admitted {
                    chain,
                    revocations: state.revocations.signed().cloned().collect(),
                }
            }
            None => refused(
                "this node may let nobody in, or the other one's record was renewed in too many places: invite it anew",
            ),
        }
    }
}

/// The guard as the transport asks it.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) Arc<Guard>);

impl Gate for Door {
    fn introduction(&self) -> Vec<u8> {
        let state = self.0.state.lock();
        let introduction = Introduction {
            chain: state.chain.clone(),
            revocations: state.revocations.digest(),
        };
        serde_json::to_vec(&introduction).unwrap_or_default()
    }

    fn admit(&self, id: &PeerId, introduction: &[u8]) -> Result<(), String> {
        let guard = &self.0;
        let shown: Introduction = serde_json::from_slice(introduction)
            .map_err(|_| "its introduction is none that is known".to_owned())?;
        let mut state = guard.state.lock();
        let revocations = &state.revocations;
        let differs = revocations.digest() != shown.revocations;
        let member = shown.chain.verify(id, guard.cluster, revocations, now());
        let member = member.map_err(|why| why.to_string())?;
        let known = state.seen.get(id);
        if known.is_none_or(|known| known.chain != shown.chain)
            && (known.is_some() || state.seen.len() < SEEN_MAX)
        {
            let chain = shown.chain;
            state.seen.insert(*id, Seen { chain, member });
            state.seen_changed = true;
        }
        if differs {
            state.differing.insert(*id);
        }
        let is_news = differs || state.seen_changed;
        drop(state);
        if is_news {
            guard.news.notify_one();
        }
        Ok(())
    }

    fn still_admits(&self, id: &PeerId) -> bool {
        let state = self.0.state.lock();
        // Who was let in by a node that is shut out since is met no longer, and is named by no revocation.
        let is_met = state.seen.contains_key(id) || state.seen.len() >= SEEN_MAX;
        is_met && !state.revocations.has(id)
    }

    fn knows(&self, id: &PeerId) -> bool {
        self.0.state.lock().seen.contains_key(id)
    }

    fn apply(
        &self,
        applicant: Applicant,
        application: Vec<u8>,
    ) -> BoxFuture<'static, Option<Vec<u8>>> {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let answered = tokio::task::spawn_blocking(move || {
                let application = serde_json::from_slice(&application).ok()?;
                let answer = guard.answer(applicant, application);
                let answer = answer.unwrap_or_else(|error| {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot answer a node that applies"
                    );
                    let why = "it cannot be done there; its log says why".to_owned();
                    Answer::Refused { why }
                });
                serde_json::to_vec(&answer).ok()
            });
            answered.await.ok()?
        })
    }
}

#[cfg(test)]
mod tests;
