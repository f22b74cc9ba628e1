//! TLS with certificates, for HTTP and gRPC: the [`Certificate`] that a server presents, and the [`Roots`] of a
//! client.
//!
//! Both speak TLS 1.3 and 1.2 with what rustls holds for safe, and resume sessions. Nodes prove their keys to each
//! other without certificates, which is none of this crate.

mod certificate;
mod pem;
mod roots;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use certificate::{Certificate, Door};
pub use pem::Unusable;
pub use roots::{Caller, Roots};
pub use tokio_rustls::{client, server};

/// The one provider of the program. Named each time, so that no order of initialisation matters.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
