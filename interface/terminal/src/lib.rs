//! Text on a terminal: results go to stdout, everything else to stderr.
//!
//! Titles, paths and error texts come from strangers. After [`plain`] none of them can move the
//! cursor, start a line, or turn the reading direction of what follows.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
};

use indicatif::ProgressStyle;

/// The text without control characters and without invisible marks that rearrange a line.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if is_safe(c) { c } else { ' ' })
        .collect()
}

fn is_safe(c: char) -> bool {
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    // Unicode Standard Annex #9: embeddings, overrides and isolates reach beyond the text itself.
    let turns_direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || breaks_lines || turns_direction)
}

/// An error and its causes in one line, safe for a terminal.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    plain(&kadenza_contract::chain(error))
}

/// Prints one line of results to stdout.
///
/// # Errors
///
/// Those of stdout; a broken pipe says that nobody reads the results any more.
pub fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// Writes a line that is not a result to stderr.
pub fn note(line: &str) {
    // Nothing helps if stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{}", plain(line));
}

/// Whether stderr is a terminal: only then does a person see progress there.
#[must_use]
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// A number of bytes in a unit that people read.
#[must_use]
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// The look of a progress bar, from a template of `indicatif`.
#[must_use]
pub fn bar_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_moves_the_cursor_or_turns_the_line() {
        let hostile = "a\tb\r\n\u{1b}]0;x\u{7}\u{9b}2J\u{2028}\u{202e}c\u{2066}\u{7f}";
        let plain = plain(hostile);
        assert!(!plain.chars().any(|c| c.is_control()), "{plain:?}");
        assert!(!plain.contains(['\u{2028}', '\u{202e}', '\u{2066}']));
        assert!(plain.contains('c'));
    }
}
