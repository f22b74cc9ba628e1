//! A node is a contact to the protocol and a peer to the transport: the same id and address.

use kadenza_protocol::{Contact, Key};
use kadenza_rpc::{Peer, PeerId};

/// The id of a node for the transport.
pub(crate) fn peer_id(key: &Key) -> PeerId {
    PeerId::from_bytes(*key.as_bytes())
}

/// The node for the transport.
pub(crate) fn peer(contact: &Contact) -> Peer {
    Peer {
        id: peer_id(&contact.id),
        address: contact.address,
    }
}

/// The node for the protocol.
pub(crate) fn contact(peer: &Peer) -> Contact {
    Contact {
        id: Key::from_bytes(*peer.id.as_bytes()),
        address: peer.address,
    }
}
