//! Views: HTTP over any music service.
//!
//! [`router`] turns an `Arc<dyn MusicService>` into the HTTP interface, version 1; [`Server`] takes
//! connections and serves a router on them, with a deadline for everything that a client may delay.
//! Nothing here knows what lies under the service, and nothing keeps state beyond counters.
//!
//! The JSON, the headers and the codes are those of `kadenza-api`, which clients read as well. Texts
//! from outside become types of the contract here, and its errors become problem documents (RFC 9457).

mod addresses;
mod call;
mod callers;
mod config;
mod endpoints;
mod headers;
mod metrics;
mod problem;
mod representation;
mod route;
mod routes;
mod server;
mod site;
mod snapshot;

pub use addresses::{Rate, RateBounds};
pub use callers::admins_only;
pub use config::{Readiness, UPLOAD_BYTES_MAX_DEFAULT, ViewsConfig};
pub use metrics::CacheCounts;
pub use problem::Problem;
pub use routes::router;
pub use server::{Server, ServerConfig};
pub use site::{PublicUrl, Site};
