//! Lyrics: as a text, and line by line with times where the file has them.
//!
//! Times are written as in the format LRC, `[01:23.45]` before a line, once or several times.

use serde::{Deserialize, Serialize};

/// The most bytes of lyrics that are kept; the rest is cut between lines.
pub const LYRICS_BYTES_MAX: usize = 128 << 10;
/// The most lines with times.
const LINES_MAX: usize = 4096;

/// The words of a song.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lyrics {
    /// All of them in one text, without times.
    pub plain: String,
    /// Line by line, in the order of their times; empty where no times are known.
    pub synced: Vec<LyricsLine>,
}

/// A line of a song, and when it is sung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LyricsLine {
    /// In milliseconds from the beginning.
    pub at_ms: u64,
    /// The line.
    pub text: String,
}

impl Lyrics {
    /// The lyrics that a text is, with times or without; `None` if it says nothing.
    #[must_use]
    pub fn of(text: &str) -> Option<Lyrics> {
        let mut lyrics = Lyrics::default();
        for line in text.lines() {
            let (times, words) = timed(line);
            let is_head = times.is_empty() && is_tag(line);
            if is_head {
                continue;
            }
            let words: String = words
                .trim_end()
                .chars()
                .filter(|c| !c.is_control())
                .collect();
            if lyrics.plain.len() + words.len() + 1 > LYRICS_BYTES_MAX {
                break;
            }
            for at_ms in times {
                if lyrics.synced.len() < LINES_MAX {
                    let text = words.trim().to_owned();
                    lyrics.synced.push(LyricsLine { at_ms, text });
                }
            }
            lyrics.plain.push_str(words.trim_start());
            lyrics.plain.push('\n');
        }
        lyrics.plain.truncate(lyrics.plain.trim_end().len());
        lyrics.synced.sort_by_key(|line| line.at_ms);
        (!lyrics.plain.trim().is_empty()).then_some(lyrics)
    }
}

/// The times before a line, and the line behind them.
fn timed(line: &str) -> (Vec<u64>, &str) {
    let (mut times, mut rest) = (Vec::new(), line.trim_start_matches('\u{feff}').trim_start());
    while let Some((time, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let Some(at_ms) = milliseconds(time) else {
            break;
        };
        times.push(at_ms);
        rest = behind;
    }
    (times, rest)
}

/// `01:23`, `01:23.45`, `01:23.456`.
fn milliseconds(time: &str) -> Option<u64> {
    let (minutes, seconds) = time.split_once(':')?;
    let (seconds, part) = seconds.split_once(['.', ':']).unwrap_or((seconds, "0"));
    let number = |digits: &str| -> Option<u64> {
        let is_number =
            (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let part_ms = number(part)? * [100, 10, 1, 0][part.len().min(4) - 1];
    Some((number(minutes)? * 60 + number(seconds)?) * 1000 + part_ms)
}

/// Whether a line tells something of the lyrics, as `[ar:Artist]` does.
fn is_tag(line: &str) -> bool {
    let inside = line
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let name = inside.and_then(|inside| inside.split_once(':'));
    name.is_some_and(|(name, _)| {
        matches!(
            name,
            "ar" | "al" | "ti" | "au" | "by" | "re" | "ve" | "la" | "length" | "offset"
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_with_times_are_told_line_by_line() {
        let text = "[ar:Somebody]\n[00:12.50]Second\n[00:01.2][01:00]First, and last\n";
        let lyrics = Lyrics::of(text).unwrap();
        assert_eq!(lyrics.plain, "Second\nFirst, and last");
        let times: Vec<u64> = lyrics.synced.iter().map(|line| line.at_ms).collect();
        assert_eq!(times, [1_200, 12_500, 60_000]);
        assert_eq!(lyrics.synced[2].text, "First, and last");
    }

    #[test]
    fn a_text_without_times_is_kept_as_it_is() {
        let lyrics = Lyrics::of("[Chorus]\nLa la la\n\nLa la\n").unwrap();
        assert_eq!(lyrics.plain, "[Chorus]\nLa la la\n\nLa la");
        assert!(lyrics.synced.is_empty());
        assert_eq!(Lyrics::of(" \n\t\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader_of_lyrics(text in "\\PC{0,60}|[\\[\\]:.0-9a\n]{0,60}") {
            if let Some(lyrics) = Lyrics::of(&text) {
                prop_assert!(lyrics.plain.len() <= LYRICS_BYTES_MAX);
            }
        }
    }
}
