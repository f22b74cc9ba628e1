//! Tests that hold for every stack of Kadenza's layers.
//!
//! [`conformance`] is the contract of [`kadenza_contract::MusicService`] as code: a promise for each
//! of its sentences, to be checked over any stack. [`broken`] holds a service for each promise that
//! breaks it, so that the promises are known to refuse something. [`stacks`] builds the stacks,
//! [`processes`] starts real programs, [`servers`] those of others, [`s3`] is an object store,
//! [`http`] makes HTTP clients, [`fixtures`] makes audio, and [`data`] finds real data.

pub mod broken;
pub mod conformance;
pub mod data;
pub mod fixtures;
pub mod http;
pub mod memory;
pub mod processes;
pub mod s3;
pub mod servers;
pub mod stacks;
