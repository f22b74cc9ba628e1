//! The state of a server, as JSON.

use kadenza_contract::{Status, StorageStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The state of a server and of the machines behind it.
#[derive(Debug, Serialize, Deserialize)]
pub struct StatusJson {
    /// The version of the program that answers.
    #[serde(default)]
    pub version: String,
    /// The state.
    #[serde(flatten)]
    pub status: Status,
}

impl StatusJson {
    /// The state as this program tells it.
    #[must_use]
    pub fn new(status: Status) -> StatusJson {
        StatusJson {
            version: VERSION.to_owned(),
            status,
        }
    }
}

/// The answer of a server that wants requests.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HealthJson {
    #[schema(pattern = "^ok$")]
    status: String,
    version: String,
    #[schema(inline)]
    storage: StorageHealth,
}

/// Whether songs can be stored and heard here. A server that can do only the one still wants requests
/// for the other, which its network answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageHealth {
    /// It takes songs and gives them, as far as is known here.
    #[default]
    Ok,
    /// It has no room for more songs.
    Full,
    /// Its audio directory is gone, for instance a disk that is not mounted.
    Away,
}

impl StorageHealth {
    /// The short form of a storage's status.
    #[must_use]
    pub fn of(storage: &StorageStatus) -> StorageHealth {
        match storage {
            away if away.is_away => StorageHealth::Away,
            full if full.is_full => StorageHealth::Full,
            _ => StorageHealth::Ok,
        }
    }
}

impl HealthJson {
    /// This program is well; its storage is as told.
    #[must_use]
    pub fn new(storage: StorageHealth) -> HealthJson {
        HealthJson {
            status: "ok".to_owned(),
            version: VERSION.to_owned(),
            storage,
        }
    }
}

/// The answer of a node that counts on a member no longer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ForgottenJson {
    /// The id of the member, as it was named.
    pub forgotten: String,
}

/// The answer of a node that has left its network.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LeftJson {
    /// Always true: a node that could not leave answers with a problem.
    pub left: bool,
}
