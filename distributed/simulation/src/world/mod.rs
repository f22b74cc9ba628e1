//! A world of machines, and what is known of what happened in it.

pub(crate) mod history;
pub(crate) mod machine;
pub(crate) mod plan;
pub(crate) mod state;
