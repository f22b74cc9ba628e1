//! The key pair of a node.

use std::{fmt, sync::Arc};

use ed25519_dalek::{Signer as _, SigningKey};
use rustls::{
    SignatureAlgorithm, SignatureScheme,
    pki_types::{SubjectPublicKeyInfoDer, alg_id},
    sign::{self, public_key_to_spki},
};

use crate::peer::PeerId;

/// The domain under which public keys are hashed.
const DOMAIN: &str = "kadenza 2026-11-22 node id v1";

/// An Ed25519 key pair (RFC 8032). The id of its node is the hash of the public key (S/Kademlia: Baumgart and
/// Mies, 2007, section 4.1), so that nobody can take an id without owning its key.
#[derive(Clone)]
pub struct NodeKey(Arc<SigningKey>);

impl NodeKey {
    /// The key pair of this secret.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> NodeKey {
        NodeKey(Arc::new(SigningKey::from_bytes(secret)))
    }

    /// The id of the node that owns it.
    #[must_use]
    pub fn id(&self) -> PeerId {
        id_of_key(self.0.verifying_key().as_bytes())
    }
}

/// Never shows the secret.
impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({:.8})", self.id())
    }
}

/// Signs handshakes.
impl sign::SigningKey for NodeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn sign::Signer>> {
        let signer = || Box::new(self.clone()) as Box<dyn sign::Signer>;
        offered.contains(&SignatureScheme::ED25519).then(signer)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(public_key_to_spki(
            &alg_id::ED25519,
            self.0.verifying_key().as_bytes(),
        ))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl sign::Signer for NodeKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// The id of the node that presents this raw public key (RFC 7250); none if it is not one of Ed25519.
pub(crate) fn id_of(presented: &[u8]) -> Option<PeerId> {
    let key: &[u8; 32] = presented.last_chunk()?;
    let expected = public_key_to_spki(&alg_id::ED25519, key);
    (expected.as_ref() == presented).then(|| id_of_key(key))
}

fn id_of_key(key: &[u8; 32]) -> PeerId {
    PeerId::from_bytes(blake3::derive_key(DOMAIN, key))
}

#[cfg(test)]
mod tests {
    use rustls::sign::SigningKey as _;

    use super::*;

    #[test]
    fn an_id_is_of_one_key_in_one_form() {
        let key = NodeKey::from_secret(&[7; 32]);
        let presented = key.public_key().unwrap();
        let presented: &[u8] = presented.as_ref();
        assert_eq!(id_of(presented), Some(key.id()));
        let mut longer = vec![0];
        longer.extend_from_slice(presented);
        let of_another_kind: Vec<u8> = presented.iter().map(|byte| byte ^ 1).collect();
        for wrong in [
            &longer,
            &of_another_kind,
            &presented[12..].to_vec(),
            &vec![],
        ] {
            assert_eq!(id_of(wrong), None);
        }
        assert!(!format!("{key:?}").contains(&hex::encode([7; 32])));
    }
}
