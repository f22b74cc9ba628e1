//! Parts of a path as people write them: spaces and dashes, numbers, and names that are none.

use kadenza_contract::identity_fold;

/// Names that stand for many artists and are none themselves.
const VARIOUS: [&str; 7] = [
    "various artists",
    "various",
    "va",
    "v.a.",
    "compilations",
    "soundtracks",
    "unknown artist",
];
/// Underscores stand for spaces where there are no spaces.
pub(super) fn spaced(name: &str) -> String {
    let name = name.trim();
    if name.contains(' ') {
        name.to_owned()
    } else {
        name.replace('_', " ").trim().to_owned()
    }
}

/// The parts between dashes that have a space on both sides.
pub(super) fn dashed(name: &str) -> Vec<&str> {
    let mut parts = vec![name];
    for dash in [" - ", " – ", " — "] {
        parts = parts
            .into_iter()
            .flat_map(|part| part.split(dash))
            .collect();
    }
    let parts: Vec<&str> = parts.into_iter().map(str::trim).collect();
    if parts.iter().any(|part| part.is_empty()) {
        vec![name]
    } else {
        parts
    }
}

pub(super) fn is_same(a: &str, b: &str) -> bool {
    identity_fold(&spaced(a)) == identity_fold(b)
}

pub(super) fn is_various(name: &str) -> bool {
    is_one_of(name, &VARIOUS)
}

pub(super) fn is_one_of(name: &str, names: &[&str]) -> bool {
    let folded = identity_fold(name);
    names.contains(&folded.as_str())
}

pub(super) fn number(text: &str) -> Option<u32> {
    let is_short = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_short && *number > 0)
}
