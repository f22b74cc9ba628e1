//! Comparing what nodes hold, and giving what is missing.

pub(crate) mod ledger;
mod mending;
mod missing;
mod pace;
mod partners;
pub(crate) mod remembered;
mod repair;
mod stand_ins;
mod standing;
mod surplus;
mod survey;

pub(crate) use pace::Pace;
pub(crate) use standing::Repairing;
pub(crate) use survey::Survey;
