//! Which server is asked, and when: machines without a clock, a socket or dice.

mod budget;
mod dice;
mod health;
mod learning;
mod pool;
mod route;

pub(crate) use budget::Budget;
pub(crate) use health::{Ending, Kind, REST_MAX};
pub(crate) use learning::Learning;
pub(crate) use pool::{Pool, Server, ServerId};
pub(crate) use route::{Route, Step, WhenSpent};
