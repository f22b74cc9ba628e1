//! What a `Range` header means, read once more: slowly, byte for byte, after RFC 9110, section 14.

use super::stage::Answer;

/// Fails if an answer to this header is not what the header asks for.
pub(super) fn check(header: &[u8], audio: &[u8], answer: &Answer) {
    let (status, body) = (answer.status.as_u16(), &answer.body[..]);
    match wanted(header, audio.len()) {
        None => assert!(status == 200 && body == audio, "{status} for all of it"),
        Some(wanted) if wanted.iter().all(|is| !is) => {
            assert_eq!(status, 416, "nothing can be given");
        }
        Some(wanted) => {
            assert_eq!(status, 206, "a part is wanted");
            let mut given = vec![false; audio.len()];
            for (start, bytes) in parts(answer) {
                let end = start + bytes.len();
                assert!(
                    audio[start..end] == *bytes,
                    "other bytes than those from {start}"
                );
                assert!(
                    given[start..end].iter().all(|is| !is),
                    "bytes are given twice"
                );
                given[start..end].fill(true);
            }
            assert!(given == wanted, "other bytes than those that are wanted");
        }
    }
}

/// Which bytes are wanted; none if the header means nothing.
fn wanted(header: &[u8], size: usize) -> Option<Vec<bool>> {
    let text = std::str::from_utf8(header).ok()?;
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs: Vec<&str> = set
        .split(',')
        .map(|spec| spec.trim_matches([' ', '\t']))
        .collect();
    let specs: Vec<&str> = specs.into_iter().filter(|spec| !spec.is_empty()).collect();
    // The views look at sixteen.
    if specs.is_empty() || specs.len() > 16 {
        return None;
    }
    let mut wanted = vec![false; size];
    for spec in specs {
        let (first, last) = spec.split_once('-')?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(first) || !is_number(last) || (first.is_empty() && last.is_empty()) {
            return None;
        }
        // Larger than any number of bytes here.
        let number = |text: &str| text.parse::<u128>().unwrap_or(u128::MAX);
        for (at, is_wanted) in wanted.iter_mut().enumerate() {
            let at = at as u128;
            *is_wanted |= match (first, last) {
                ("", last) => number(last) >= size as u128 - at,
                (first, "") => at >= number(first),
                (first, last) => (number(first)..=number(last)).contains(&at),
            };
        }
        // The end before the beginning; numbers beyond 64 bits are all behind the end.
        let bounded = |text: &str| number(text).min(u128::from(u64::MAX));
        if !first.is_empty() && !last.is_empty() && bounded(first) > bounded(last) {
            return None;
        }
    }
    Some(wanted)
}

/// The parts of an answer, and where each begins in the audio.
fn parts(answer: &Answer) -> Vec<(usize, &[u8])> {
    if let Some(range) = answer.header("content-range") {
        return vec![(start_of(range), &answer.body)];
    }
    let kind = answer.header("content-type").unwrap_or_default();
    let (_, boundary) = kind
        .split_once("multipart/byteranges; boundary=")
        .expect("it has parts");
    let mark = format!("\r\n--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut rest = &answer.body[..];
    while let Some(after) = rest.strip_prefix(&mark[..]) {
        if after == b"--\r\n" {
            return parts;
        }
        let head = after.windows(4).position(|end| end == b"\r\n\r\n");
        let (head, body) = after.split_at(head.expect("a part has a head") + 4);
        let next = body.windows(mark.len()).position(|found| found == mark);
        let (body, after) = body.split_at(next.expect("a part has an end"));
        let head = String::from_utf8_lossy(head).to_lowercase();
        let (_, range) = head
            .split_once("content-range: ")
            .expect("a part has a range");
        parts.push((start_of(range), body));
        rest = after;
    }
    panic!("the parts do not end");
}

fn start_of(range: &str) -> usize {
    let (start, _) = range
        .trim_start_matches("bytes ")
        .split_once('-')
        .expect("a range has two ends");
    start.parse().expect("it is a number")
}
