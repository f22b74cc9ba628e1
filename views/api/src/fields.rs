//! Headers that are lists of structured fields (RFC 9651), read from strangers.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Item, ListEntry, Parser};

/// The longest line that is read, in bytes: more than any honest server writes.
const LINE_BYTES_MAX: usize = 8 << 10;

/// The members of a header, over all its lines. A line that is malformed or too long is left out, and
/// so is a member that is a list itself.
pub(crate) fn members(headers: &HeaderMap, name: &HeaderName) -> Vec<Item> {
    let lines = headers.get_all(name).iter().map(|line| line.as_bytes());
    lines
        .filter(|line| line.len() <= LINE_BYTES_MAX)
        .filter_map(|line| Parser::new(line).parse::<sfv::List>().ok())
        .flatten()
        .filter_map(|member| match member {
            ListEntry::Item(item) => Some(item),
            ListEntry::InnerList(_) => None,
        })
        .collect()
}

/// The text of a string or a token.
pub(crate) fn text(item: &BareItem) -> Option<&str> {
    match item {
        BareItem::String(text) => Some(text.as_str()),
        BareItem::Token(text) => Some(text.as_str()),
        _ => None,
    }
}
