//! Whole nodes in one process, over loopback: what the cluster as a whole must hold.

mod common;

mod damage;
mod deaths;
mod fullness;
mod leaving;
mod uploads;
