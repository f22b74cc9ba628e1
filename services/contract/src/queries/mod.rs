//! Questions about songs, the order of the answers, and pages of them.

mod browse;
mod entry;
mod page;
mod partial;
mod query;
mod relevance;
mod text;

pub use browse::{Browse, Group, GroupKind, cover_place};
pub use entry::Entry;
pub use page::{Cursor, LIMIT_DEFAULT, LIMIT_MAX, Limit, Page, SortKey};
pub use partial::Partial;
pub use query::{Placed, Query, Sort, shuffled, shuffled_head};
pub use relevance::{
    CLASS, FIELDS, Field, INSIDE, Matches, SLIP, fields, line, rank, rank_matches,
};
pub use text::QueryText;

#[cfg(test)]
mod tests;
