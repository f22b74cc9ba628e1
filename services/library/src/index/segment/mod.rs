//! A segment: cards that were arranged once and never change, as columns by the number of a card.

mod arranged;
mod finder;
mod flat;
mod groups;
mod lines;
mod listed;
mod numbers;
mod order;
mod packed;
mod row;
mod words;

pub(crate) use arranged::{DOCS_MAX, Segment};
pub(crate) use flat::{Flat, Reader};
pub(crate) use groups::{Name, each_credit, each_name, key_of};
pub(crate) use row::Row;
pub(crate) use words::Fields;
