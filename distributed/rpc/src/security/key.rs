//! The key pair of a node.

use std::{fmt, sync::Arc};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
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

    /// The half that others may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The id of the node that owns it.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.public().id()
    }

    /// Signs a message. It must begin with what it is for, so that it is taken for nothing else, and never for a
    /// handshake: those begin with spaces (RFC 8446, section 4.4.3).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The public half of a [`NodeKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key with these bytes. Whether they are a key shows when it verifies something.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> PublicKey {
        PublicKey(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id of the node that owns it.
    #[must_use]
    pub fn id(&self) -> PeerId {
        PeerId::from_bytes(blake3::derive_key(DOMAIN, &self.0))
    }

    /// Whether the owner of this key signed this message. Keys and signatures that are not in the one strict form are
    /// refused (Chalkias, Garillot and Nikolaenko, 2020).
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
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
        Ok(NodeKey::sign(self, message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// The id of the node that presents this raw public key (RFC 7250); none if it is not one of Ed25519.
pub(crate) fn id_of(presented: &[u8]) -> Option<PeerId> {
    let key: &[u8; 32] = presented.last_chunk()?;
    let expected = public_key_to_spki(&alg_id::ED25519, key);
    (expected.as_ref() == presented).then(|| PublicKey(*key).id())
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

    #[test]
    fn a_signature_is_of_one_key_over_one_message() {
        let key = NodeKey::from_secret(&[7; 32]);
        let signature = key.sign(b"message");
        assert!(key.public().has_signed(b"message", &signature));
        assert!(!key.public().has_signed(b"massage", &signature));
        let other = NodeKey::from_secret(&[8; 32]).public();
        assert!(!other.has_signed(b"message", &signature));
        let mut broken = signature;
        broken[63] ^= 1;
        assert!(!key.public().has_signed(b"message", &broken));
        // The neutral element, under which any message would have a signature.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut of_neutral = [0; 64];
        of_neutral[0] = 1;
        assert!(!PublicKey(neutral).has_signed(b"message", &of_neutral));
    }
}
