//! The files of a data directory that say to which cluster the node belongs.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use kadenza_rpc::PeerId;
use kadenza_trust::{
    Chain, ClusterKey, INVITATION_LASTS, Invitation, InvitationId, NoInvitation, Refused, Seconds,
    Signed,
};
use rand::Rng as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{identity::IdentityError, keep::write_durably};

/// Why something about the cluster of a data directory could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// A file holds something else.
    #[error("{} is damaged: restore it, or move it away and join again with an invitation", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The directory has no record.
    #[error(
        "{} belongs to no cluster yet: begin one, or join one with an invitation", path.display()
    )]
    NoRecord {
        /// The directory.
        path: PathBuf,
    },
    /// The directory has a record of another cluster, or one already.
    #[error("{} belongs to a cluster already, {cluster}", path.display())]
    BelongsToAnother {
        /// The directory.
        path: PathBuf,
        /// The cluster, in digits.
        cluster: String,
    },
    /// The record of the directory is worth nothing.
    #[error("the record in {} is not valid: {why}", path.display())]
    NotValid {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: Refused,
    },
    /// The node may let nobody in.
    #[error(
        "this node may let nobody in: invite on a node that may, or with --may-invite when it is invited itself"
    )]
    MayNotInvite,
    /// Nobody knows where the node listens.
    #[error("where does this node listen for others? Start it once before it invites")]
    NoAddress,
    /// A text is no invitation.
    #[error(transparent)]
    NoInvitation(#[from] NoInvitation),
    /// The inviting node could not be asked.
    #[error("cannot ask {address}, where the invitation says that the inviting node listens")]
    Unreachable {
        /// The address.
        address: String,
        /// What the network said.
        #[source]
        cause: io::Error,
    },
    /// The inviting node refused.
    #[error("the inviting node refused: {why}")]
    Refused {
        /// Why.
        why: String,
    },
    /// The cluster key is not here.
    #[error("{} is not here: the key of the cluster alone can do this; name the file with --cluster-key", path.display())]
    NoClusterKey {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The cluster key is that of another cluster.
    #[error("this is the key of another cluster")]
    OtherClusterKey,
    /// No node has this name or id.
    #[error(
        "{name} is no node that this one has met, or may be several: give the id of 64 digits, as kadenza status --json tells"
    )]
    NoSuchNode {
        /// The name.
        name: String,
    },
    /// There are too many revocations.
    #[error("there are too many revocations: begin a new cluster")]
    TooManyRevocations,
    /// The node's key cannot be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// An invitation that was given out, as the node that gave it keeps it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GivenOut {
    pub(super) invitation: Invitation,
    pub(super) may_invite: bool,
    pub(super) until: Seconds,
    /// The node that used it. It may ask once more, since an answer can be lost.
    pub(super) used_by: Option<PeerId>,
}

/// The files of one data directory.
#[derive(Debug, Clone)]
pub(super) struct Directory(PathBuf);

const CHAIN: &str = "chain.json";
const ADDRESS: &str = "address";
const REVOCATIONS: &str = "revocations.json";
const SEEN: &str = "seen.json";
/// The beginnings of the names of files, of which there are several.
const INVITATION: &str = "invitation-";
const NEW_REVOCATION: &str = "new-revocation-";

impl Directory {
    /// Those of this data directory.
    pub(super) fn of(data: &Path) -> Directory {
        Directory(data.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the data directory if there is none.
    pub(super) fn make(&self) -> Result<(), TrustError> {
        fs::create_dir_all(&self.0).map_err(|cause| failed(&self.0, cause))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join("cluster").join(name)
    }

    /// Where the cluster key is, as long as nobody moved it away.
    pub(super) fn cluster_key_file(&self) -> PathBuf {
        self.0.join("cluster.key")
    }

    /// The cluster key in this file.
    pub(super) fn cluster_key(path: &Path) -> Result<ClusterKey, TrustError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
                let path = path.to_owned();
                return Err(TrustError::NoClusterKey { path });
            }
            Err(cause) => return Err(failed(path, cause)),
        };
        let mut secret = [0; 32];
        hex::decode_to_slice(text.trim(), &mut secret).map_err(|_| TrustError::Damaged {
            path: path.to_owned(),
        })?;
        Ok(ClusterKey::from_secret(&secret))
    }

    /// Makes a new cluster key.
    pub(super) fn make_cluster_key(path: &Path) -> Result<ClusterKey, TrustError> {
        let secret = random();
        write_durably(path, hex::encode(secret).as_bytes()).map_err(|cause| failed(path, cause))?;
        Ok(ClusterKey::from_secret(&secret))
    }

    /// The chain of this node; none if it belongs to no cluster.
    pub(super) fn chain(&self) -> Result<Option<Chain>, TrustError> {
        self.read(CHAIN)
    }

    pub(super) fn keep_chain(&self, chain: &Chain) -> Result<(), TrustError> {
        self.write(CHAIN, chain)
    }

    /// Where the node listened for others when it last started.
    pub(super) fn address(&self) -> Result<Option<String>, TrustError> {
        self.read(ADDRESS)
    }

    pub(super) fn keep_address(&self, address: &str) -> Result<(), TrustError> {
        self.write(ADDRESS, &address)
    }

    /// The revocations that the node knows.
    pub(super) fn revocations(&self) -> Result<Vec<Signed>, TrustError> {
        Ok(self.read(REVOCATIONS)?.unwrap_or_default())
    }

    pub(super) fn keep_revocations(&self, known: &[&Signed]) -> Result<(), TrustError> {
        self.write(REVOCATIONS, &known)
    }

    /// The revocations that commands left for the running node, with their files.
    pub(super) fn new_revocations(&self) -> Result<Vec<(PathBuf, Signed)>, TrustError> {
        let mut new = Vec::new();
        for path in self.files(NEW_REVOCATION)? {
            if let Some(signed) = read(&path)? {
                new.push((path, signed));
            }
        }
        Ok(new)
    }

    /// Leaves the revocation of a node for the running node.
    pub(super) fn leave_revocation(&self, node: PeerId, new: &Signed) -> Result<(), TrustError> {
        self.write(&format!("{NEW_REVOCATION}{node}.json"), new)
    }

    /// The members that this node has met, with their chains.
    pub(super) fn seen(&self) -> Result<BTreeMap<PeerId, Chain>, TrustError> {
        Ok(self.read(SEEN)?.unwrap_or_default())
    }

    pub(super) fn keep_seen(&self, seen: &BTreeMap<PeerId, Chain>) -> Result<(), TrustError> {
        self.write(SEEN, seen)
    }

    /// The invitation of this name, if it was given out and is not over.
    pub(super) fn given_out(&self, id: InvitationId) -> Result<Option<GivenOut>, TrustError> {
        let given: Option<GivenOut> = self.read(&invitation_file(id))?;
        Ok(given.filter(|given| given.until >= now()))
    }

    pub(super) fn keep_given_out(&self, given: &GivenOut) -> Result<(), TrustError> {
        self.write(&invitation_file(given.invitation.id()), given)
    }

    /// Gives an invitation out, and forgets those that are over.
    pub(super) fn give_out(
        &self,
        invitation: Invitation,
        may_invite: bool,
    ) -> Result<(), TrustError> {
        for path in self.files(INVITATION)? {
            let given: Result<Option<GivenOut>, TrustError> = read(&path);
            if given.is_ok_and(|given| given.is_some_and(|given| given.until < now())) {
                Directory::remove(&path)?;
            }
        }
        self.keep_given_out(&GivenOut {
            invitation,
            may_invite,
            until: now() + INVITATION_LASTS.as_secs(),
            used_by: None,
        })
    }

    /// The files whose names begin so.
    fn files(&self, beginning: &str) -> Result<Vec<PathBuf>, TrustError> {
        let directory = self.file("");
        let names = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(failed(&directory, cause)),
        };
        let is_one = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(beginning) && name.ends_with(".json"))
        };
        let paths = names.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        Ok(paths.filter(is_one).collect())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TrustError> {
        read(&self.file(name))
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), TrustError> {
        let path = self.file(name);
        let written = || {
            fs::create_dir_all(self.file(""))?;
            write_durably(&path, &serde_json::to_vec(value)?)
        };
        written().map_err(|cause| failed(&path, cause))
    }

    pub(super) fn remove(path: &Path) -> Result<(), TrustError> {
        match fs::remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(failed(path, cause)),
            _ => Ok(()),
        }
    }
}

fn invitation_file(id: InvitationId) -> String {
    format!("{INVITATION}{id}.json")
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TrustError> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(TrustError::Damaged {
                path: path.to_owned(),
            }),
        },
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failed(path, cause)),
    }
}

fn failed(path: &Path, cause: io::Error) -> TrustError {
    TrustError::File {
        path: path.to_owned(),
        cause,
    }
}

/// Random bytes for a secret.
pub(super) fn random() -> [u8; 32] {
    let mut secret = [0; 32];
    rand::rng().fill_bytes(&mut secret);
    secret
}

/// The time by the clock of the machine.
pub(super) fn now() -> Seconds {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// What people call this machine.
pub(super) fn machine_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let plain = name.chars().filter(|char| !char.is_control());
    plain.take(kadenza_trust::NAME_CHARS_MAX).collect()
}
