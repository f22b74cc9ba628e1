//! Views: HTTP over any music service.
//!
//! [`router`] turns an `Arc<dyn MusicService>` into the HTTP interface, version 1; [`Server`] takes
//! connections and serves a router on them, with a deadline for everything that a client may delay.
//! Nothing here knows what lies under the service, and nothing keeps state beyond counters.
//!
//! JSON, headers and status codes live on this floor only: texts from outside become the words of
//! `kadenza-services` at the door, and its errors become problem documents (RFC 9457) on the way out.

mod artwork;
mod audio;
mod browse;
mod cache_metrics;
mod cache_status;
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
mod song_json;
mod upload;

pub use cache_metrics::CacheCounts;
pub use config::{Readiness, UPLOAD_BYTES_MAX_DEFAULT, ViewsConfig};
pub use problem::Problem;
pub use routes::router;
pub use server::{Server, ServerConfig};
