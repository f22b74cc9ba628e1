//! The token that lets one node in.

use std::{fmt, str::FromStr, time::Duration};

use kadenza_rpc::PeerId;
use serde::{Deserialize, Serialize};

use crate::ClusterId;

/// How long an invitation can be used.
pub const INVITATION_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// The beginning of a token, so that it is taken for nothing else, and found where it was left by mistake.
const PREFIX: &str = "kadenza-invitation-";

/// An invitation: who may be asked for a record, and the secret that shows that one was invited. It is a password:
/// whoever reads it can join, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node that signs the record.
    pub inviter: PeerId,
    /// Where it listens for other nodes (`HOST:PORT`).
    pub address: String,
    #[serde(with = "hex::serde")]
    secret: [u8; 32],
}

/// Names an invitation without giving it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InvitationId(#[serde(with = "hex::serde")] [u8; 16]);

impl fmt::Display for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Shows that one knows the secret of an invitation: a keyed hash over both nodes and the connection between them, so
/// that it is worth nothing to anybody else, nor on another connection.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Proof(#[serde(with = "hex::serde")] [u8; 32]);

impl Invitation {
    /// An invitation with this random secret.
    #[must_use]
    pub fn new(
        cluster: ClusterId,
        inviter: PeerId,
        address: String,
        secret: [u8; 32],
    ) -> Invitation {
        Invitation {
            cluster,
            inviter,
            address,
            secret,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> InvitationId {
        let hash = blake3::derive_key("kadenza 2026-11-30 invitation id v1", &self.secret);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        InvitationId(id)
    }

    /// Shows that the invited node knows the secret, on the connection with this binding.
    #[must_use]
    pub fn prove(&self, invited: &PeerId, binding: &[u8; 32]) -> Proof {
        Proof(*self.proof(invited, binding).as_bytes())
    }

    /// Whether the node at the other end of this connection knows the secret.
    #[must_use]
    pub fn is_proven(&self, proof: &Proof, invited: &PeerId, binding: &[u8; 32]) -> bool {
        // Hashes are compared in constant time.
        self.proof(invited, binding) == blake3::Hash::from_bytes(proof.0)
    }

    fn proof(&self, invited: &PeerId, binding: &[u8; 32]) -> blake3::Hash {
        let key = blake3::derive_key("kadenza 2026-11-30 invitation proof v1", &self.secret);
        let said = [&invited.as_bytes()[..], self.inviter.as_bytes(), binding].concat();
        blake3::keyed_hash(&key, &said)
    }

    /// The token that is handed to whoever starts the new node.
    #[must_use]
    pub fn token(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{PREFIX}{}", hex::encode(json))
    }
}

/// A text is no invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no invitation: it begins with {PREFIX}, and must be whole")]
pub struct NoInvitation;

impl FromStr for Invitation {
    type Err = NoInvitation;

    fn from_str(text: &str) -> Result<Invitation, NoInvitation> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(NoInvitation)?;
        let json = hex::decode(digits).map_err(|_| NoInvitation)?;
        serde_json::from_slice(&json).map_err(|_| NoInvitation)
    }
}

/// Never shows the secret.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("cluster", &self.cluster)
            .field("inviter", &self.inviter)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
