//! Texts of tags, as they are kept: without control characters, trimmed and bounded.

use crate::fold::is_invisible;

/// The most bytes that a text of a tag keeps; the rest is cut between characters.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Control characters become spaces, the ends are trimmed, the length is bounded; a text with
/// nothing visible in it is empty.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for c in text
        .trim_matches(|c: char| c.is_whitespace() || c.is_control())
        .chars()
    {
        let c = if c.is_control() { ' ' } else { c };
        if cleaned.len() + c.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        cleaned.push(c);
    }
    cleaned.truncate(cleaned.trim_end().len());
    if cleaned
        .chars()
        .all(|c| c.is_whitespace() || is_invisible(c))
    {
        cleaned.clear();
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cleaning_bounds_and_settles(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}|(é{2000,2100})") {
            let once = clean(&text);
            prop_assert!(once.len() <= TEXT_BYTES_MAX);
            prop_assert!(!once.chars().any(char::is_control));
            prop_assert_eq!(clean(&once), once);
        }
    }
}
