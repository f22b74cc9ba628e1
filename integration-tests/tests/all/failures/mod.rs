//! Machines that fail in all ways, alone and many of them.

mod crowd;
mod forgotten;
mod frozen;
mod full;
mod machine;
mod sequences;
mod stale;
