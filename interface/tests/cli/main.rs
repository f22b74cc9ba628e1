//! The command line from outside: as processes, with their exit status, stdout and stderr.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(feature = "server")]
mod secrets;
mod settings;
mod support;
mod usage;

#[cfg(all(feature = "server", unix))]
mod accounts;
#[cfg(all(feature = "server", unix))]
mod gateway;
#[cfg(all(feature = "server", unix))]
mod people;
#[cfg(all(feature = "server", unix))]
mod private;
#[cfg(all(feature = "server", unix))]
mod results;
#[cfg(all(feature = "server", unix))]
mod serving;
#[cfg(all(feature = "server", unix))]
mod tls;
#[cfg(all(feature = "server", unix))]
mod uploads;

#[cfg(all(feature = "distributed", unix))]
mod cluster;
