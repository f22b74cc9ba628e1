//! Who speaks on a connection: keys, TLS between them, and who may take part.

mod applicants;
pub(crate) mod gate;
mod key;
pub(crate) mod tls;

pub use gate::{APPLICATION_BYTES_MAX, Applicant, Gate, INTRODUCTION_BYTES_MAX};
pub(crate) use key::id_of;
pub use key::{NodeKey, PublicKey};
