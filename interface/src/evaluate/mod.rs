//! `kadenza evaluate`: caches compared by measuring them.

#![allow(dead_code)]

mod record;
mod report;
