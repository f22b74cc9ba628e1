//! Whole nodes in one process, over loopback: what the cluster as a whole must hold.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

mod accounts;
mod damage;
mod deaths;
mod fullness;
mod joining;
mod leaving;
mod trust;
mod uploads;
