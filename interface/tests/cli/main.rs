//! The command line from outside: as processes, with their exit status, stdout and stderr.

mod settings;
mod support;
mod usage;

#[cfg(all(feature = "server", unix))]
mod results;
#[cfg(all(feature = "server", unix))]
mod serving;
#[cfg(all(feature = "server", unix))]
mod uploads;

#[cfg(all(feature = "distributed", unix))]
mod cluster;
