//! Lyrics with times in ID3v2, which a parser leaves as bytes: written anew as a text with times, as the format
//! LRC has them. From: id3.org's ID3v2.3.0, 4.10 (SYLT).

use std::fmt::Write as _;

use lofty::id3::v2::{FrameFlags, SyncTextContentType, SynchronizedTextFrame, TimestampFormat};

/// Encoding, language, the format of times, the kind of text, and the end of an empty description.
const HEAD_BYTES: usize = 7;

/// The content of a frame of lyrics without times (USLT) that says the same. `None` if it has no lyrics, or none
/// that can be read.
pub(super) fn as_text(mut frame: Vec<u8>) -> Option<Vec<u8>> {
    // Many programs leave the language out, and the parser takes no frame without.
    if frame.len() >= HEAD_BYTES && !frame[1..4].iter().all(u8::is_ascii_alphabetic) {
        frame[1..4].copy_from_slice(b"und");
    }
    let frame = SynchronizedTextFrame::parse(&frame, FrameFlags::default()).ok()?;
    let is_sung = matches!(
        frame.content_type,
        SyncTextContentType::Lyrics | SyncTextContentType::TextTranscription
    );
    if !is_sung {
        return None;
    }
    // Times in frames of MPEG depend on the audio: there the lines stand without.
    let has_times = frame.timestamp_format == TimestampFormat::MS;
    let mut text = String::new();
    for (at_ms, line) in lines(frame.content) {
        if has_times {
            let (minutes, ms) = (at_ms / 60_000, at_ms % 60_000);
            let _ = write!(text, "[{minutes:02}:{:02}.{:03}]", ms / 1000, ms % 1000);
        }
        text.push_str(&line);
        text.push('\n');
    }
    // UTF-16, which every version knows. The description keeps it apart from other lyrics of the file.
    let utf_16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    Some([&b"\x01und"[..], &utf_16("synchronised\0"), &utf_16(&text)].concat())
}

/// Lines, and when each begins. Some programs write a line at a time, and others a syllable, with a line feed
/// where a line begins or ends.
fn lines(parts: Vec<(u32, String)>) -> Vec<(u32, String)> {
    let has_feeds = parts.iter().any(|(_, text)| text.contains(['\n', '\r']));
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (at_ms, text) in parts {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for (n, piece) in text.split('\n').enumerate() {
            match lines.last_mut() {
                Some(last) if n == 0 && has_feeds => {
                    if last.1.is_empty() {
                        last.0 = at_ms;
                    }
                    last.1.push_str(piece);
                }
                _ => lines.push((at_ms, piece.to_owned())),
            }
        }
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_however_they_are_written() {
        let written: [&[(u32, &str)]; 4] = [
            &[(500, "La la"), (2000, "lö")],
            &[(500, "La "), (900, "la"), (2000, "\nlö")],
            &[(500, "La "), (900, "la\r\n"), (2000, "lö"), (2100, "\n")],
            &[(0, "\n"), (500, "La la\rlö")],
        ];
        for (n, parts) in written.into_iter().enumerate() {
            let parts = parts.iter().map(|(at, text)| (*at, (*text).to_owned()));
            let second = if n == 3 { 500 } else { 2000 };
            let right = [(500, "La la".to_owned()), (second, "lö".to_owned())];
            assert_eq!(lines(parts.collect()), right, "{n}");
        }
    }
}
