//! Kadenza.
fn main() {}
