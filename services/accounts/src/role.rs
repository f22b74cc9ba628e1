//! What an account may do.

use serde::{Deserialize, Serialize};

/// What an account may do. Each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Search and listen.
    Listen,
    /// Add songs as well.
    Upload,
    /// Manage accounts and servers as well.
    Admin,
}

impl Role {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Listen => "listen",
            Role::Upload => "upload",
            Role::Admin => "admin",
        }
    }
}
