//! Who speaks on a connection: keys, and TLS between them.

mod key;
pub(crate) mod tls;

pub use key::NodeKey;
pub(crate) use key::id_of;
