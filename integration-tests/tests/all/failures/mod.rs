//! Machines that fail in all ways, alone and many of them.

mod crowd;
mod forgotten;
mod frozen;
mod full;
mod hostile;
mod machine;
mod sequences;
mod stale;

/// The number that an environment variable has, if it has one.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
