//! The tree is as ARCHITECTURE.md, docs/INVARIANTS.md and deny.toml say.

mod bounds;
mod crates;
mod pages;
mod workspace;
