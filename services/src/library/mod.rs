//! The library on one machine.

/// Placeholder.
#[derive(Debug)]
pub struct Library;
