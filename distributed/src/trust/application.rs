//! What nodes say to each other outside of the network: to be let in, to stay in, and who is shut out.

use std::{io, net::SocketAddr, time::Duration};

use kadenza_rpc::{NodeKey, PeerId};
use kadenza_trust::{Chain, InvitationId, Proof, Signed, Subject};
use serde::{Deserialize, Serialize};

/// How long a node waits for the answer to an application.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a node asks for that takes no part yet, or no longer, or has heard of a revocation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Application {
    /// I was invited. Answered by [`Answer::Admitted`].
    Join {
        /// The invitation.
        invitation: InvitationId,
        /// That the applicant knows its secret.
        proof: Proof,
        /// The applicant, whose key it has proven.
        subject: Subject,
    },
    /// My record is over soon, or since long. Answered by [`Answer::Admitted`].
    Renew {
        /// The chain of the applicant.
        chain: Chain,
        /// The applicant, whose key it has proven.
        subject: Subject,
    },
    /// These nodes are shut out; which do you know of? Answered by [`Answer::Revocations`].
    Compare {
        /// The chain of the applicant.
        chain: Chain,
        /// The revocations that it knows.
        revocations: Vec<Signed>,
    },
}

/// The answer to an [`Application`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// You belong to the cluster.
    Admitted {
        /// The chain that shows it.
        chain: Chain,
        /// The nodes that are shut out.
        revocations: Vec<Signed>,
    },
    /// The nodes that are shut out.
    Revocations {
        /// The revocations.
        revocations: Vec<Signed>,
    },
    /// No.
    Refused {
        /// Why.
        why: String,
    },
}

/// Applies to a node.
///
/// # Errors
///
/// If it cannot be reached, is another one, or gives no answer that is known.
pub(super) async fn ask(
    key: &NodeKey,
    to: SocketAddr,
    id: PeerId,
    application: impl FnOnce([u8; 32]) -> Application,
) -> io::Result<Answer> {
    let said = |binding| serde_json::to_vec(&application(binding)).unwrap_or_default();
    let answer = kadenza_rpc::apply(key, to, id, PATIENCE, said).await?;
    Ok(serde_json::from_slice(&answer)?)
}
