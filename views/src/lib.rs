//! Views: HTTP over any music service.
//!
//! [`router`] turns an `Arc<dyn MusicService>` into the HTTP interface, version 1; [`Server`] takes
//! connections and serves a router on them, with a deadline for everything that a client may delay.
//! Nothing here knows what lies under the service, and nothing keeps state beyond counters.
//!
//! The JSON, the headers and the codes are those of `kadenza-api`, which clients read as well. Texts
//! from outside become types of the contract here, and its errors become problem documents (RFC 9457).

mod artwork;
mod audio;
mod browse;
mod cache_metrics;
mod call;
mod conditional;
mod config;
mod disposition;
mod exact;
mod heads;
mod metrics;
mod multipart;
mod node;
mod openapi;
mod origin;
mod problem;
mod ranges;
mod routes;
mod search;
mod server;
mod upload;

pub use cache_metrics::CacheCounts;
pub use config::{Readiness, UPLOAD_BYTES_MAX_DEFAULT, ViewsConfig};
pub use problem::Problem;
pub use routes::router;
pub use server::{Server, ServerConfig};
