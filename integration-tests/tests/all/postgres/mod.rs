//! The library on PostgreSQL, beyond the promises of every stack: its order, its deaths, its leftovers.

mod accounts;
mod damage;
mod deaths;
mod leftovers;
mod order;
mod renewal;
mod scrub;
