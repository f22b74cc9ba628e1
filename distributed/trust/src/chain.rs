//! What a node shows to prove that it belongs to a cluster.

use std::collections::BTreeSet;

use kadenza_rpc::{NodeKey, PeerId};
use serde::{Deserialize, Serialize};

use crate::{
    ClusterId, ClusterKey, Record, Revocations, Seconds, Signed, Step, Subject,
    record::{RECORD_LASTS, WAY_MAX},
};

/// The most records of a chain: a node's own, that of the node which let it in, and that of the one which let that one in.
pub const CHAIN_MAX: usize = 3;

/// By how much the clocks of two machines may differ.
const CLOCKS_DIFFER: Seconds = 24 * 60 * 60;
/// How long a record is valid that the cluster key signed, since that key may be out of reach for years.
const SIGNED_BY_CLUSTER_LASTS: Seconds = 20 * 365 * 24 * 60 * 60;

/// The records that show that a node belongs to a cluster: its own first, then that of the node which signed it, and so on.
/// The cluster key signed the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(Vec<Signed>);

/// A node that belongs to a cluster, as its chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its own record.
    pub record: Record,
    /// Until when its chain is valid.
    pub until: Seconds,
    /// The nodes that signed, its own inviter first; none where the cluster key alone did.
    pub signers: Vec<PeerId>,
    /// All steps by which it came in: those of its chain, and those that the records of the chain remember.
    pub way: BTreeSet<Step>,
    /// Whether it may let others in.
    pub may_invite: bool,
    /// Whether one of the signers was revoked, and the member spared: it needs a new record.
    pub is_spared: bool,
}

/// Why a chain shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has no records, or too many, or one of them remembers too many steps.
    #[error(
        "it shows no chain of one to {CHAIN_MAX} records, or one that remembers too many steps"
    )]
    Length,
    /// Somebody else signed one of the records, or it is none.
    #[error("a record is not signed by whom it should be, or belongs to another cluster")]
    Signature,
    /// It is the chain of another node.
    #[error("the record is of another node")]
    OfAnother,
    /// A node signed that may not.
    #[error("a record is signed by a node that may let nobody in")]
    NoInviter,
    /// It is over, or the clocks differ.
    #[error(
        "a record is over, or not valid yet: the node has to renew it, or one of the clocks is wrong"
    )]
    Time,
    /// The node was revoked, or one that signed.
    #[error("the node is revoked, or the one that let it in")]
    Revoked,
}

impl Chain {
    /// The chain of a node that the cluster key lets in.
    #[must_use]
    pub fn rooted(key: &ClusterKey, subject: Subject, may_invite: bool, now: Seconds) -> Chain {
        let record = Record {
            cluster: key.cluster(),
            subject,
            may_invite,
            by_way_of: Vec::new(),
            from: now,
            until: now.saturating_add(SIGNED_BY_CLUSTER_LASTS),
        };
        Chain(vec![Signed::by(key.signing(), &record)])
    }

    /// The chain of a node that is let in by the owner of this chain, which the key must be of. It ends with this one at
    /// the latest. None where this chain is full: then the record would be worth nothing.
    #[must_use]
    pub fn extended(
        &self,
        key: &NodeKey,
        own: &Member,
        subject: Subject,
        may_invite: bool,
        now: Seconds,
    ) -> Option<Chain> {
        self.longer(key, own, subject, may_invite, &BTreeSet::new(), now)
    }

    /// As [`Chain::extended`], for a member whose record the owner of this chain renews. It may invite where it might
    /// before. The new record remembers how the member came in, so that it is shut out with those that let it in. None also
    /// where that is more than [`WAY_MAX`] steps: then it has to be invited anew.
    #[must_use]
    pub fn renewed(
        &self,
        key: &NodeKey,
        own: &Member,
        subject: Subject,
        member: &Member,
        now: Seconds,
    ) -> Option<Chain> {
        // Whoever signed at the end of a full chain had no right to give this away.
        let may_invite = member.record.may_invite && member.signers.len() + 1 < CHAIN_MAX;
        self.longer(key, own, subject, may_invite, &member.way, now)
    }

    fn longer(
        &self,
        key: &NodeKey,
        own: &Member,
        subject: Subject,
        may_invite: bool,
        way: &BTreeSet<Step>,
        now: Seconds,
    ) -> Option<Chain> {
        if !own.may_invite || self.0.len() >= CHAIN_MAX || !subject.is_sound() {
            return None;
        }
        let shown = Step {
            inviter: own.record.subject.key.id(),
            invited: subject.key.id(),
        };
        // What the new chain shows anyhow needs not be said again.
        let by_way_of = way.difference(&own.way).filter(|step| **step != shown);
        let by_way_of: Vec<Step> = by_way_of.copied().collect();
        if by_way_of.len() > WAY_MAX {
            return None;
        }
        let record = Record {
            cluster: own.record.cluster,
            subject,
            // At the end of a full chain the right would be worth nothing, but be kept when the record is renewed elsewhere.
            may_invite: may_invite && self.0.len() + 1 < CHAIN_MAX,
            by_way_of,
            from: now,
            until: own.until.min(now.saturating_add(RECORD_LASTS.as_secs())),
        };
        let mut records = vec![Signed::by(key, &record)];
        records.extend_from_slice(&self.0);
        Some(Chain(records))
    }

    /// What the chain shows about the node with this id.
    ///
    /// # Errors
    ///
    /// Why it shows nothing.
    pub fn verify(
        &self,
        id: &PeerId,
        cluster: ClusterId,
        revocations: &Revocations,
        now: Seconds,
    ) -> Result<Member, Refused> {
        let member = self.verify_at_any_time(id, cluster, revocations)?;
        let is_valid = |record: &Record| {
            let begun = record.from <= now.saturating_add(CLOCKS_DIFFER);
            begun && now <= record.until.saturating_add(CLOCKS_DIFFER)
        };
        let began = self.0.iter().filter_map(Signed::unproven::<Record>);
        match began.into_iter().all(|record| is_valid(&record)) {
            true => Ok(member),
            false => Err(Refused::Time),
        }
    }

    /// As [`Chain::verify`], but records that are over count too: who renews one may be late.
    ///
    /// # Errors
    ///
    /// Why it shows nothing.
    pub fn verify_at_any_time(
        &self,
        id: &PeerId,
        cluster: ClusterId,
        revocations: &Revocations,
    ) -> Result<Member, Refused> {
        if self.0.is_empty() || self.0.len() > CHAIN_MAX {
            return Err(Refused::Length);
        }
        let mut signer = cluster.key();
        let mut records: Vec<Record> = Vec::with_capacity(self.0.len());
        for (at, signed) in self.0.iter().enumerate().rev() {
            let record: Record = signed.open(&signer).ok_or(Refused::Signature)?;
            if record.cluster != cluster || !record.subject.is_sound() {
                return Err(Refused::Signature);
            }
            if record.by_way_of.len() > WAY_MAX {
                return Err(Refused::Length);
            }
            if at > 0 && !record.may_invite {
                return Err(Refused::NoInviter);
            }
            signer = record.subject.key;
            records.push(record);
        }
        // From the node's own record upwards.
        records.reverse();
        let ids: Vec<PeerId> = records.iter().map(|one| one.subject.key.id()).collect();
        if ids[0] != *id {
            return Err(Refused::OfAnother);
        }
        if revocations.has(&ids[0]) {
            return Err(Refused::Revoked);
        }
        let shown = ids.windows(2).map(|pair| Step {
            inviter: pair[1],
            invited: pair[0],
        });
        let shown: BTreeSet<Step> = shown.collect();
        let is_shut_out = |step: &Step| revocations.has(&step.inviter);
        let is_spared = shown.iter().any(is_shut_out);
        let remembered = records.iter().flat_map(|record| &record.by_way_of);
        let way: BTreeSet<Step> = shown.iter().chain(remembered).copied().collect();
        let mut shut_out = way.iter().filter(|step| is_shut_out(step));
        if !shut_out.all(|step| revocations.spares(&step.inviter, &step.invited)) {
            return Err(Refused::Revoked);
        }
        let until = records.iter().map(|record| record.until).min();
        let record = records.swap_remove(0);
        Ok(Member {
            may_invite: record.may_invite && ids.len() < CHAIN_MAX && !is_spared,
            until: until.unwrap_or(0),
            signers: ids[1..].to_vec(),
            way,
            is_spared,
            record,
        })
    }

    /// The cluster that it is a chain of, as it claims.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        let record: Record = self.0.first()?.unproven()?;
        Some(record.cluster)
    }
}
