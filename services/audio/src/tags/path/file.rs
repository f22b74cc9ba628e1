//! What the name of a file says: track, artist and title, and sometimes disc and album.

use kadenza_contract::identity_fold;

use super::{
    discs::side_of,
    folders::Folders,
    parts::{self, dashed, is_various, number, spaced},
};

/// What the name of a file says.
#[derive(Debug, Default)]
pub(super) struct Titled {
    pub(super) title: Option<String>,
    pub(super) artist: Option<String>,
    pub(super) album: Option<String>,
    pub(super) track: Option<u32>,
    pub(super) disc: Option<u32>,
    /// Whether a number stands before everything else.
    pub(super) is_numbered: bool,
}

impl Titled {
    /// What the name of a file in these folders says.
    pub(super) fn of(file: &str, folders: &Folders) -> Titled {
        let raw = stem(file);
        if let Some(titled) = released(raw, folders) {
            return titled;
        }
        let stem = spaced(raw);
        let (before, rest) = match numbered(&stem) {
            (None, _) => sided(&stem, folders),
            numbered => numbered,
        };
        let titled = titled(rest, folders);
        Titled {
            track: before.map(|(_, track)| track).or(titled.track),
            disc: before.and_then(|(disc, _)| disc),
            is_numbered: before.is_some(),
            ..titled
        }
    }
}

/// The disc and the track before a title, where there are some.
type Before = Option<(Option<u32>, u32)>;

/// Below the folder of an artist, a dash belongs to the title unless the artist stands before it.
fn may_be_artist(part: &str, folders: &Folders) -> bool {
    let folder = folders.artist.as_deref();
    folder.is_none_or(|folder| is_various(folder) || identity_fold(folder) == identity_fold(part))
}

/// Artist, album and title behind a number.
fn titled(rest: &str, folders: &Folders) -> Titled {
    let whole = || Titled {
        title: Some(rest.to_owned()).filter(|title| !title.is_empty()),
        ..Titled::default()
    };
    let parts = dashed(rest);
    let names_artist = |part: &str| may_be_artist(part, folders);
    match parts[..] {
        [artist, title] if names_artist(artist) => Titled {
            title: Some(title.to_owned()),
            artist: Some(artist.to_owned()),
            ..Titled::default()
        },
        [artist, middle, title] if names_artist(artist) => {
            let track = number(middle);
            Titled {
                title: Some(title.to_owned()),
                artist: Some(artist.to_owned()),
                album: Some(middle.to_owned()).filter(|_| track.is_none()),
                track,
                ..Titled::default()
            }
        }
        [artist, album, track, title] if names_artist(artist) && number(track).is_some() => {
            Titled {
                title: Some(title.to_owned()),
                artist: Some(artist.to_owned()),
                album: Some(album.to_owned()),
                track: number(track),
                ..Titled::default()
            }
        }
        _ => whole(),
    }
}

/// A name without the ending of its file.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, ending))
            if !stem.is_empty()
                && (1..=5).contains(&ending.len())
                && ending.chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            stem
        }
        _ => file,
    }
}

/// The disc and the track before a title, and the title. `01 - Title`, `1. Title`, `[01] Title`, `01 Title`,
/// `2-01 Title`; a number alone is a title, and so is `99 Luftballons`.
fn numbered(stem: &str) -> (Before, &str) {
    let none = (None, stem);
    let (is_bracketed, inner) = match stem.strip_prefix(['[', '(']) {
        Some(inner) => (true, inner),
        None => (false, stem),
    };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let first = digits(inner);
    if !(1..=3).contains(&first) {
        return none;
    }
    let (mut text, mut rest) = inner.split_at(first);
    let mut disc = None;
    if let Some(behind) = rest.strip_prefix(['-', '.']).filter(|_| first <= 2) {
        let second = digits(behind);
        if second == 2 && !behind[second..].starts_with(|c: char| c.is_alphanumeric()) {
            disc = text.parse().ok().filter(|disc| *disc > 0);
            (text, rest) = behind.split_at(second);
        }
    }
    let Some(track) = text.parse().ok().filter(|track| *track > 0) else {
        return none;
    };
    let behind = if is_bracketed {
        rest.strip_prefix([']', ')'])
    } else {
        let is_padded = text.starts_with('0') || disc.is_some();
        let separated = |rest: &'_ str| -> Option<usize> {
            let trimmed = rest.trim_start();
            let spaces = rest.len() - trimmed.len();
            let mark = trimmed.chars().next()?;
            match mark {
                '-' | '–' | '—' if spaces > 0 || is_padded => Some(spaces + mark.len_utf8()),
                '.' | ')' | '_' if spaces == 0 => Some(mark.len_utf8()),
                _ if spaces > 0 && is_padded => Some(spaces),
                _ => None,
            }
        };
        separated(rest).map(|at| &rest[at..])
    };
    match behind.map(|title| title.trim_start_matches(['-', '–', '—', ' '])) {
        Some(title) if !title.is_empty() => (Some((disc, track)), title),
        _ => none,
    }
}

/// How many tracks a side has at most. A guess; `B52` begins a title.
const SIDE_TRACKS_MAX: u32 = 30;

/// The side and the track on it before a title, and the title: `A1 Title`, `B2. Title`, `[C1] Title`. Songs and
/// artists begin so as well, so it counts only below an artist and an album, and not where it comes again.
fn sided<'a>(stem: &'a str, folders: &Folders) -> (Before, &'a str) {
    let none = (None, stem);
    let is_bracketed = stem.starts_with(['[', '(']);
    let name = stem.trim_start_matches(['[', '(']);
    let Some(side) = name.chars().next().and_then(side_of) else {
        return none;
    };
    let digits = name[1..].bytes().take_while(u8::is_ascii_digit).count();
    let (mark, rest) = name.split_at(1 + digits);
    let track = number(&mark[1..]);
    let Some(track) = track.filter(|track| *track <= SIDE_TRACKS_MAX) else {
        return none;
    };
    let title = match is_bracketed {
        true => rest.strip_prefix([']', ')']),
        false => Some(rest).filter(|rest| rest.starts_with([' ', '.', '-', ')', '_'])),
    };
    let title = title.map(|title| title.trim_start_matches([' ', '.', '-', '–', '—', ')', '_']));
    let is_again = |title: &str| {
        let mut words = title.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word.eq_ignore_ascii_case(mark))
    };
    let is_artist = folders.artist.as_deref();
    let is_artist = is_artist.is_some_and(|artist| artist.eq_ignore_ascii_case(mark));
    match title.filter(|title| !title.is_empty() && !is_again(title)) {
        Some(title) if folders.has_artist_and_album() && !is_artist => {
            (Some((Some(side), track)), title)
        }
        _ => none,
    }
}

/// A file as groups name what they release: `03-the_band-song_name`, `203-the_band-song_name` on the second disc.
/// A dash may be in a title too, so all is in small letters, or both names have underscores for spaces.
fn released(stem: &str, folders: &Folders) -> Option<Titled> {
    let parts: Vec<&str> = stem.split('-').collect();
    let [number, artist, title] = parts[..] else {
        return None;
    };
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = digits == number.len() && (2..=3).contains(&digits);
    let is_small = stem.contains('_') && !stem.chars().any(char::is_uppercase);
    let is_released = is_small || (artist.contains('_') && title.contains('_'));
    let is_name = |name: &str| name.chars().any(char::is_alphanumeric);
    if stem.contains(' ') || !is_number || !is_released || !is_name(artist) || !is_name(title) {
        return None;
    }
    let artist = Some(spaced(artist)).filter(|artist| may_be_artist(artist, folders))?;
    let (disc, track) = number.split_at(digits - 2);
    Some(Titled {
        title: Some(spaced(title)),
        artist: Some(artist),
        track: parts::number(track),
        disc: parts::number(disc),
        is_numbered: true,
        ..Titled::default()
    })
}
