//! The header `Content-Disposition` (RFC 6266): the name under which a browser would save audio.
//!
//! The name comes from tags, which come from strangers. It holds no separators of paths, nothing that
//! is invisible or turns the direction of writing, and nothing that a file system refuses.

use std::fmt::Write;

use axum::http::HeaderValue;
use kadenza_contract::Recording;

/// The longest name before its ending, in bytes; file systems take 255 with it.
const NAME_BYTES_MAX: usize = 180;

/// `inline`, with `ARTIST - TITLE.ENDING` as the name.
pub(crate) fn inline(recording: &Recording) -> HeaderValue {
    let tags = &recording.tags;
    let mut name = String::with_capacity(NAME_BYTES_MAX);
    let parts: [&str; 3] = match tags.artist() {
        "" => ["", "", tags.title()],
        artist => [artist, " - ", tags.title()],
    };
    for c in parts.iter().flat_map(|part| part.chars()) {
        let c = if is_safe(c) { c } else { '_' };
        if name.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        // A leading dot hides a file, and two of them leave the folder.
        name.push(if c == '.' && name.is_empty() { '_' } else { c });
    }
    let ending = recording.format.extension();
    let mut value = String::with_capacity(64 + 3 * name.len());
    value.push_str("inline; filename*=UTF-8''");
    for byte in name.trim().bytes().chain(*b".").chain(ending.bytes()) {
        // RFC 8187's attr-char.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            let _ = write!(value, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(value).expect("it is all ASCII that can be seen")
}

fn is_safe(c: char) -> bool {
    let turns_or_hides = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    !c.is_control() && !turns_or_hides && !"/\\:*?\"<>|".contains(c)
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{ContentHash, Format, Tags};

    use super::*;

    fn value(title: &str, artist: &str) -> String {
        let recording = Recording {
            content: ContentHash::of(b""),
            format: Format::Opus,
            size: 0,
            duration_ms: None,
            bit_rate: None,
            tags: Tags::new(title, artist, "").unwrap(),
            has_artwork: false,
            added_at: jiff::Timestamp::UNIX_EPOCH,
            reader: 0,
        };
        inline(&recording).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_is_encoded_as_rfc_8187_says() {
        assert_eq!(
            value("Für € 5", "Die Ärzte"),
            "inline; filename*=UTF-8''Die%20%C3%84rzte%20-%20F%C3%BCr%20%E2%82%AC%205.opus"
        );
    }

    #[test]
    fn a_hostile_title_cannot_leave_the_header_or_the_folder() {
        for title in [
            "a\r\nSet-Cookie: b=c",
            "a\"; filename=\"evil.exe",
            "../../etc/passwd",
            "..\\..\\autoexec.bat",
            "\u{202e}gpj.exe",
            "C:nul",
            "%0d%0aX: y",
        ] {
            let value = value(title, "");
            let name = value.strip_prefix("inline; filename*=UTF-8''").unwrap();
            assert!(name.ends_with(".opus"), "{value}");
            assert!(!name.starts_with('.'), "{value}");
            for forbidden in [
                " ",
                "\"",
                ";",
                "/",
                "\\",
                "%2F",
                "%5C",
                "%0A",
                "%0D",
                "%E2%80%AE",
            ] {
                assert!(!name.contains(forbidden), "{value}");
            }
        }
    }

    #[test]
    fn a_long_title_is_cut_between_characters() {
        let value = value(&"語".repeat(1300), &"é".repeat(100));
        assert!(value.len() < 700, "{}", value.len());
        assert!(
            value.ends_with("%AA%9E.opus") || value.ends_with("%A9.opus"),
            "{value}"
        );
    }
}
