//! Every promise of the contract, a file for each theme.

mod artwork;
mod audio;
mod browse;
mod cancellation;
mod concurrency;
mod credits;
mod names;
mod recordings;
mod refusal;
mod search;
mod song;
mod status;
mod typed;
mod upload;

use super::Promise;

pub use names::{any_text_may_be_a_name_of, any_text_may_be_searched_for_of};
pub use typed::{Typed, names_are_found_as_typed_of};

/// Every promise, by theme.
#[must_use]
pub fn promises() -> Vec<Promise> {
    [
        upload::PROMISES,
        recordings::PROMISES,
        refusal::PROMISES,
        song::PROMISES,
        search::PROMISES,
        browse::PROMISES,
        credits::PROMISES,
        audio::PROMISES,
        artwork::PROMISES,
        status::PROMISES,
        names::PROMISES,
        typed::PROMISES,
        concurrency::PROMISES,
        cancellation::PROMISES,
    ]
    .concat()
}
