//! The commands that serve, and what they share: flags, the page of the player, and [`compose`],
//! where the layers are put upon each other.

pub(crate) mod accounts;
mod admin;
pub(crate) mod backend;
mod compose;
#[cfg(feature = "distributed")]
pub(crate) mod demo;
pub(crate) mod evaluate;
mod flags;
pub(crate) mod gateway;
mod listen;
#[cfg(feature = "distributed")]
mod neighbours;
mod network;
mod page;
mod plan;
pub(crate) mod player;
pub(crate) mod process;
pub(crate) mod reader;
pub(crate) mod serve;
mod storage;
