//! Machines that fail without dying: frozen ones, and full ones.

mod forgotten;
mod frozen;
mod full;
mod machine;
mod sequences;
mod stale;
