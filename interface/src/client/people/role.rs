//! The roles, by the names that people write.

use clap::ValueEnum;
use kadenza_api::RoleJson;

/// What an account or a token may do: each role all that the ones before it may.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Role {
    /// Search and listen
    Listen,
    /// Add songs as well
    Upload,
    /// Manage accounts and servers as well
    Admin,
}

impl From<Role> for RoleJson {
    fn from(role: Role) -> RoleJson {
        match role {
            Role::Listen => RoleJson::Listen,
            Role::Upload => RoleJson::Upload,
            Role::Admin => RoleJson::Admin,
        }
    }
}

/// The name of a role.
pub(super) fn name(role: RoleJson) -> &'static str {
    match role {
        RoleJson::Listen => "listen",
        RoleJson::Upload => "upload",
        RoleJson::Admin => "admin",
    }
}
