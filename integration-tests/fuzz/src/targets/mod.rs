//! The targets.

mod answers;
mod audio;
mod cards;
mod files;
mod frames;
mod http;
mod layouts;

mod records;
mod texts;

use crate::target::Target;

/// All targets.
pub static TARGETS: [Target; 14] = [
    frames::FRAMES,
    layouts::LAYOUTS,
    cards::CARDS,
    records::RECORDS,
    records::REVOCATIONS,
    records::TOKENS,
    texts::TEXTS,
    http::RANGES,
    http::LISTS,
    http::UPLOADS,
    http::REQUESTS,
    answers::ANSWERS,
    audio::TAGS,
    audio::READER,
];

/// The target of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
