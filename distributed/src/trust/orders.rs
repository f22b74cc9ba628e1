//! What an operator does with a data directory, whether its node runs or not.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use kadenza_rpc::PeerId;
use kadenza_trust::{Chain, ClusterId, ClusterKey, Invitation, Revocation, Revocations, Subject};

use super::{
    application::{Answer, Application, ask},
    directory::{Directory, TrustError, machine_name, now, random},
};
use crate::identity::key_in;

/// Begins a cluster with the node of this directory, which may invite others. The key of the cluster is made in the
/// directory, and can be moved away: it is needed to shut nodes out, and when no node that may invite is left.
///
/// # Errors
///
/// If the directory belongs to a cluster already, or cannot be written.
pub fn begin(data: &Path) -> Result<(ClusterId, PathBuf), TrustError> {
    let directory = Directory::of(data);
    if let Some(chain) = directory.chain()? {
        return Err(belongs_already(&directory, &chain));
    }
    directory.make()?;
    let path = directory.cluster_key_file();
    // One that is there was made by an attempt that broke off.
    let key = match Directory::cluster_key(&path) {
        Err(TrustError::NoClusterKey { .. }) => Directory::make_cluster_key(&path)?,
        there => there?,
    };
    sign(data, &key)?;
    Ok((key.cluster(), path))
}

/// The cluster key in this file, which is made if it is not there.
///
/// # Errors
///
/// If the file cannot be used.
pub fn cluster_key(path: &Path) -> Result<ClusterKey, TrustError> {
    match Directory::cluster_key(path) {
        Err(TrustError::NoClusterKey { .. }) => Directory::make_cluster_key(path),
        there => there,
    }
}

/// Signs a record for the node of this directory, if it has none.
pub(crate) fn sign(data: &Path, key: &ClusterKey) -> Result<(), TrustError> {
    let directory = Directory::of(data);
    if let Some(chain) = directory.chain()? {
        return match chain.cluster() == Some(key.cluster()) {
            true => Ok(()),
            false => Err(belongs_already(&directory, &chain)),
        };
    }
    let subject = Subject {
        key: key_in(data)?.public(),
        name: machine_name(),
        address: directory.address()?.unwrap_or_default(),
    };
    directory.keep_chain(&Chain::rooted(key, subject, true, now()))
}

/// Keeps where the node of this directory listens for others, for its invitations.
pub(crate) fn listens(data: &Path, address: &str) -> Result<(), TrustError> {
    Directory::of(data).keep_address(address)
}

/// Whether the directory belongs to a cluster.
///
/// # Errors
///
/// If its record cannot be read.
pub fn belongs(data: &Path) -> Result<bool, TrustError> {
    Ok(Directory::of(data).chain()?.is_some())
}

/// Begins a cluster with the node of this directory, unless it belongs to one.
pub(crate) fn begin_if_none(data: &Path) -> Result<(), TrustError> {
    if belongs(data)? {
        return Ok(());
    }
    let (cluster, key) = begin(data)?;
    let key = key.display();
    tracing::info!(%cluster, %key, "began a cluster; its key can be moved to a safe place");
    Ok(())
}

/// Invites a node into the cluster of the node of this directory, which must run when the invitation is used. It is good
/// for one node and for [`INVITATION_LASTS`](kadenza_trust::INVITATION_LASTS).
///
/// # Errors
///
/// If the node may not, or the directory cannot be used.
pub fn invite(data: &Path, may_invite: bool) -> Result<Invitation, TrustError> {
    let directory = Directory::of(data);
    let id = key_in(data)?.id();
    let path = || data.to_owned();
    let chain = directory.chain()?;
    let chain = chain.ok_or_else(|| TrustError::NoRecord { path: path() })?;
    let not_valid = |why| TrustError::NotValid { path: path(), why };
    let cluster = chain.cluster();
    let cluster = cluster.ok_or_else(|| TrustError::NoRecord { path: path() })?;
    let mut revocations = Revocations::default();
    revocations.add(cluster, directory.revocations()?);
    let own = chain.verify(&id, cluster, &revocations, now());
    if !own.map_err(not_valid)?.may_invite {
        return Err(TrustError::MayNotInvite);
    }
    let address = directory.address()?.ok_or(TrustError::NoAddress)?;
    let invitation = Invitation::new(cluster, id, address, random());
    directory.give_out(invitation.clone(), may_invite)?;
    Ok(invitation)
}

/// Joins the cluster of an invitation with the node of this directory, which others reach at this address, by asking the
/// node that gave it. Where the directory belongs to that cluster already, it does nothing.
///
/// # Errors
///
/// If the directory belongs to another cluster, or the inviting node cannot be asked or refuses.
pub async fn join(data: &Path, invitation: &Invitation, own: &str) -> Result<(), TrustError> {
    let directory = Directory::of(data);
    if let Some(chain) = directory.chain()? {
        return match chain.cluster() == Some(invitation.cluster) {
            true => Ok(()),
            false => Err(belongs_already(&directory, &chain)),
        };
    }
    directory.make()?;
    let key = key_in(data)?;
    let subject = Subject {
        key: key.public(),
        name: machine_name(),
        address: own.to_owned(),
    };
    let unreachable = |cause| TrustError::Unreachable {
        address: invitation.address.clone(),
        cause,
    };
    let found = tokio::net::lookup_host(&invitation.address).await;
    let mut failure = None;
    for address in found.map_err(unreachable)? {
        let applied = ask(&key, address, invitation.inviter, |binding| {
            Application::Join {
                invitation: invitation.id(),
                proof: invitation.prove(&key.id(), &binding),
                subject: subject.clone(),
            }
        });
        match applied.await {
            Ok(Answer::Admitted { chain, revocations }) => {
                let mut known = Revocations::default();
                known.add(invitation.cluster, revocations);
                let shown = chain.verify(&key.id(), invitation.cluster, &known, now());
                shown.map_err(|why| TrustError::NotValid {
                    path: data.to_owned(),
                    why,
                })?;
                directory.keep_revocations(&known.signed().collect::<Vec<_>>())?;
                return directory.keep_chain(&chain);
            }
            Ok(Answer::Refused { why }) => return Err(TrustError::Refused { why }),
            Ok(Answer::Revocations { .. }) => {
                failure = Some(std::io::ErrorKind::InvalidData.into());
            }
            Err(cause) => failure = Some(cause),
        }
    }
    Err(unreachable(failure.unwrap_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address")
    })))
}

/// What becomes of the nodes that a revoked one let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetIn {
    /// Those that the node of the directory has met stay.
    Stay,
    /// They are shut out as well, with those that they let in, but for the node of the directory and those through
    /// whom it was let in.
    Leave,
}

/// What a revocation did.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// The node.
    pub node: PeerId,
    /// How many nodes that it let in stay nevertheless.
    pub spared: usize,
}

/// Shuts a node out of the cluster for good: one that the node of this directory has met, by its name, its address or the
/// beginning of its id, or any by its whole id. The
/// running node of the directory tells all others within reach; if it does not run, it does so when it starts.
///
/// # Errors
///
/// If the node is not known, the key is not that of the cluster, or the directory cannot be used.
pub fn revoke(
    data: &Path,
    node: &str,
    let_in: LetIn,
    cluster_key: Option<&Path>,
) -> Result<Revoked, TrustError> {
    let directory = Directory::of(data);
    let path = || data.to_owned();
    let chain = directory.chain()?;
    let chain = chain.ok_or_else(|| TrustError::NoRecord { path: path() })?;
    let cluster = chain.cluster();
    let cluster = cluster.ok_or_else(|| TrustError::NoRecord { path: path() })?;
    let key = match cluster_key {
        Some(path) => Directory::cluster_key(path)?,
        None => Directory::cluster_key(&directory.cluster_key_file())?,
    };
    if key.cluster() != cluster {
        return Err(TrustError::OtherClusterKey);
    }
    let mut known = Revocations::default();
    known.add(cluster, directory.revocations()?);
    let mut seen = directory.seen()?;
    let own = key_in(data)?.id();
    seen.insert(own, chain);
    let members = seen.iter().filter_map(|(id, chain)| {
        let member = chain.verify_at_any_time(id, cluster, &known).ok()?;
        Some((*id, member))
    });
    let members: Vec<_> = members.collect();
    let id = parsed(node).or_else(|| {
        let mut called = members
            .iter()
            .filter(|(id, one)| is_called(id, &one.record.subject, node));
        // What two are called says nothing.
        called
            .next()
            .map(|(id, _)| *id)
            .filter(|_| called.next().is_none())
    });
    let node = id.ok_or_else(|| TrustError::NoSuchNode {
        name: node.to_owned(),
    })?;
    let staying = members.iter().filter(|(id, _)| match let_in {
        LetIn::Stay => true,
        LetIn::Leave => *id == own,
    });
    let ways = staying.flat_map(|(_, one)| &one.way);
    let spared = ways.filter(|step| step.inviter == node);
    let spared: BTreeSet<PeerId> = spared.map(|step| step.invited).collect();
    let spared = Vec::from_iter(spared);
    let count = spared.len();
    let revocation = Revocation {
        cluster,
        node,
        spared,
    };
    let signed = revocation.sign(&key);
    known.add(cluster, vec![signed.clone()]);
    if !known.has(&node) {
        return Err(TrustError::TooManyRevocations);
    }
    directory.leave_revocation(node, &signed)?;
    Ok(Revoked {
        node,
        spared: count,
    })
}

/// Whether people mean a node by this: its name, its address, or the beginning of its id.
fn is_called(id: &PeerId, subject: &Subject, name: &str) -> bool {
    let begins = || id.to_string().starts_with(&name.to_ascii_lowercase());
    subject.name == name || subject.address == name || (name.len() >= 4 && begins())
}

fn parsed(digits: &str) -> Option<PeerId> {
    PeerId::from_digits(digits.as_bytes().try_into().ok()?)
}

fn belongs_already(directory: &Directory, chain: &Chain) -> TrustError {
    let cluster = chain.cluster().map(|cluster| format!("{cluster:.16}"));
    TrustError::BelongsToAnother {
        path: directory.path().to_owned(),
        cluster: cluster.unwrap_or_default(),
    }
}
