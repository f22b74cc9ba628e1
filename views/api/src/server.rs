//! The state of a server, as JSON.

use kadenza_contract::Status;
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
}

impl HealthJson {
    /// This program is well.
    #[must_use]
    pub fn ok() -> HealthJson {
        HealthJson {
            status: "ok".to_owned(),
            version: VERSION.to_owned(),
        }
    }
}

/// The answer of a node that has left its network.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LeftJson {
    /// Always true: a node that could not leave answers with a problem.
    pub left: bool,
}
