//! Names from the path of a file, for files whose tags lack them.
//!
//! People keep music as `Artist/Album/01 - Title.ogg`, `Artist - Title.mp3` and the like. The rule is one for all
//! clients, since two of them must not make two songs of one file. Folders count only as far as the client
//! names them: what lies above the folder that was uploaded says nothing of the music.

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
/// Folder names that are no album.
const NO_ALBUM: [&str; 3] = ["unknown album", "singles", "unsorted"];
/// Folders that hold a whole collection.
const COLLECTIONS: [&str; 9] = [
    "music",
    "musik",
    "música",
    "musica",
    "musique",
    "downloads",
    "audio",
    "mp3",
    "songs",
];

/// What a path says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathNames {
    pub(crate) title: Option<String>,
    pub(crate) artist: Option<String>,
    pub(crate) album: Option<String>,
    pub(crate) track: Option<u32>,
    pub(crate) disc: Option<u32>,
    pub(crate) year: Option<u32>,
}

/// The names in a path, which may have `/` or `\` between its parts.
pub(crate) fn names(path: &str) -> PathNames {
    let mut parts: Vec<&str> = path
        .split(['/', '\\'])
        .map(str::trim)
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    let collections = parts
        .iter()
        .take(parts.len().saturating_sub(1))
        .take_while(|part| is_one_of(part, &COLLECTIONS))
        .count();
    parts.drain(..collections);
    let mut names = PathNames::default();
    let Some(file) = parts.pop() else {
        return names;
    };
    if let Some(disc) = parts.last().and_then(|folder| disc_folder(folder)) {
        names.disc = Some(disc);
        parts.pop();
    }
    let stem = spaced(stem(file));
    let (number, rest) = numbered(&stem);
    names.disc = names.disc.or(number.and_then(|(disc, _)| disc));
    names.track = number.map(|(_, track)| track);
    let folders = Folders::of(&parts, names.track.is_some());
    names.year = folders.year;
    names.album = folders.album;
    let titled = title(rest, folders.artist.as_deref());
    names.track = names.track.or(titled.track);
    names.title = titled.title;
    names.artist = titled
        .artist
        .or(folders.artist)
        .filter(|artist| !is_various(artist));
    if names.album.is_none() {
        names.album = titled.album;
    }
    names
}

/// The artist and the album that folders name.
#[derive(Debug, Default)]
struct Folders {
    artist: Option<String>,
    album: Option<String>,
    year: Option<u32>,
}

impl Folders {
    /// A folder alone is an album only if the file in it is numbered, or it names an artist as well.
    fn of(folders: &[&str], is_numbered: bool) -> Folders {
        let Some((last, above)) = folders.split_last() else {
            return Folders::default();
        };
        let (name, year) = without_year(&spaced(last));
        let album = Some(name.clone()).filter(|name| !is_one_of(name, &NO_ALBUM));
        if let Some(artist) = above.last() {
            let artist = Some(spaced(artist));
            return Folders {
                artist,
                album: album.map(|album| without_artist(&album, above.last().copied())),
                year,
            };
        }
        if let [artist, album] = dashed(&name)[..] {
            return Folders {
                artist: Some(artist.to_owned()),
                album: Some(album.to_owned()),
                year,
            };
        }
        Folders {
            artist: None,
            album: album.filter(|_| is_numbered),
            year: year.filter(|_| is_numbered),
        }
    }
}

/// What the name of a file says behind its number.
#[derive(Debug, Default)]
struct Titled {
    title: Option<String>,
    artist: Option<String>,
    album: Option<String>,
    track: Option<u32>,
}

fn title(rest: &str, folder: Option<&str>) -> Titled {
    let whole = || Titled {
        title: Some(rest.to_owned()).filter(|title| !title.is_empty()),
        ..Titled::default()
    };
    let parts = dashed(rest);
    // Below the folder of an artist, a dash belongs to the title unless the artist stands before it.
    let names_artist = |part: &str| {
        folder
            .is_none_or(|folder| is_various(folder) || identity_fold(folder) == identity_fold(part))
    };
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
            }
        }
        [artist, album, track, title] if names_artist(artist) && number(track).is_some() => {
            Titled {
                title: Some(title.to_owned()),
                artist: Some(artist.to_owned()),
                album: Some(album.to_owned()),
                track: number(track),
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

/// Underscores stand for spaces where there are no spaces.
fn spaced(name: &str) -> String {
    let name = name.trim();
    if name.contains(' ') {
        name.to_owned()
    } else {
        name.replace('_', " ").trim().to_owned()
    }
}

/// The disc and the track before a title, and the title. `01 - Title`, `1. Title`, `[01] Title`, `01 Title`,
/// `2-01 Title`; a number alone is a title, and so is `99 Luftballons`.
fn numbered(stem: &str) -> (Option<(Option<u32>, u32)>, &str) {
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

/// The parts between dashes that have a space on both sides.
fn dashed(name: &str) -> Vec<&str> {
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

/// `CD2`, `Disc 1`, `disk_02`.
fn disc_folder(folder: &str) -> Option<u32> {
    let folder = folder.to_lowercase();
    let digits = ["cd", "disc", "disk", "dvd", "lp"]
        .iter()
        .find_map(|name| folder.strip_prefix(name))?;
    number(digits.trim_start_matches([' ', '_', '-', '.', '#']))
}

/// An album without the year before or behind it: `1997 - Album`, `(1997) Album`, `Album [1997]`.
fn without_year(name: &str) -> (String, Option<u32>) {
    let year = |text: &str| {
        let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>()
            .ok()
            .filter(|year| is_year && (1900..2100).contains(year))
    };
    let bracketed = |text: &str| {
        let inner = text.strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
        year(inner)
    };
    if let Some((first, rest)) = name.split_once(' ') {
        let rest = rest.trim_start();
        if let Some(year) = bracketed(first) {
            let rest = rest.trim_start_matches(['-', '–', '—', ' ']);
            return (rest.to_owned(), Some(year));
        }
        let behind = rest.strip_prefix(['-', '–', '—']).map(str::trim);
        if let (Some(year), Some(rest)) = (year(first), behind.filter(|rest| !rest.is_empty())) {
            return (rest.to_owned(), Some(year));
        }
    }
    if let Some((rest, last)) = name.rsplit_once(' ')
        && let Some(year) = bracketed(last)
    {
        return (rest.trim().to_owned(), Some(year));
    }
    (name.to_owned(), None)
}

/// `Artist - Album` in the folder of that artist is the album.
fn without_artist(album: &str, artist: Option<&str>) -> String {
    match dashed(album)[..] {
        [first, rest] if artist.is_some_and(|artist| is_same(artist, first)) => rest.to_owned(),
        _ => album.to_owned(),
    }
}

fn is_same(a: &str, b: &str) -> bool {
    identity_fold(&spaced(a)) == identity_fold(b)
}

fn is_various(name: &str) -> bool {
    is_one_of(name, &VARIOUS)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    let folded = identity_fold(name);
    names.contains(&folded.as_str())
}

fn number(text: &str) -> Option<u32> {
    let is_short = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_short && *number > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Said = (
        &'static str,
        &'static str,
        &'static str,
        Option<u32>,
        Option<u32>,
        Option<u32>,
    );

    #[test]
    fn paths_as_people_have_them_say_their_names() {
        let none = None;
        let said: [(&str, Said); 31] = [
            (
                "Artist/Album/01 - Title.ogg",
                ("Title", "Artist", "Album", Some(1), none, none),
            ),
            (
                "Artist - Title.mp3",
                ("Title", "Artist", "", none, none, none),
            ),
            (
                "07 - Some Artist - Untagged Song.mp3",
                ("Untagged Song", "Some Artist", "", Some(7), none, none),
            ),
            (
                "Artist/Album/CD2/03. Title.flac",
                ("Title", "Artist", "Album", Some(3), Some(2), none),
            ),
            (
                "Artist/Album/Disc 1/2-07 Title.flac",
                ("Title", "Artist", "Album", Some(7), Some(1), none),
            ),
            (
                "Artist/Album/2-07 Title.flac",
                ("Title", "Artist", "Album", Some(7), Some(2), none),
            ),
            (
                "Artist/1997 - Album/01 Title.mp3",
                ("Title", "Artist", "Album", Some(1), none, Some(1997)),
            ),
            (
                "Artist/(1997) Album/01 Title.mp3",
                ("Title", "Artist", "Album", Some(1), none, Some(1997)),
            ),
            (
                "Artist/Album [1997]/01_Title_Two.mp3",
                ("Title Two", "Artist", "Album", Some(1), none, Some(1997)),
            ),
            (
                "Artist/Artist - Album/[01] Title.mp3",
                ("Title", "Artist", "Album", Some(1), none, none),
            ),
            (
                "Artist - Album/01 Title.mp3",
                ("Title", "Artist", "Album", Some(1), none, none),
            ),
            (
                "Album/01 Title.mp3",
                ("Title", "", "Album", Some(1), none, none),
            ),
            (
                "Music/Artist/Title.mp3",
                ("Title", "", "", none, none, none),
            ),
            (
                "Music/Artist/Album/Title.mp3",
                ("Title", "Artist", "Album", none, none, none),
            ),
            ("Incoming/Title.mp3", ("Title", "", "", none, none, none)),
            (
                "Various Artists/Hits/03 - Somebody - Title.mp3",
                ("Title", "Somebody", "Hits", Some(3), none, none),
            ),
            (
                "Various Artists/Hits/03 - Title.mp3",
                ("Title", "", "Hits", Some(3), none, none),
            ),
            (
                "Bach/Works/01 - Movement I - Allegro.flac",
                ("Movement I - Allegro", "Bach", "Works", Some(1), none, none),
            ),
            (
                "Bach/Works/01 - Bach - Allegro.flac",
                ("Allegro", "Bach", "Works", Some(1), none, none),
            ),
            (
                "Artist - Album - 05 - Title.mp3",
                ("Title", "Artist", "Album", Some(5), none, none),
            ),
            (
                "Artist - 05 - Title.mp3",
                ("Title", "Artist", "", Some(5), none, none),
            ),
            (
                "99 Luftballons.mp3",
                ("99 Luftballons", "", "", none, none, none),
            ),
            (
                "Nena/Nena/99 Luftballons.mp3",
                ("99 Luftballons", "Nena", "Nena", none, none, none),
            ),
            ("1979.mp3", ("1979", "", "", none, none, none)),
            ("01.mp3", ("01", "", "", none, none, none)),
            ("3 - Title.mp3", ("Title", "", "", Some(3), none, none)),
            (
                "Die_Ärzte_-_Schrei_nach_Liebe.mp3",
                ("Schrei nach Liebe", "Die Ärzte", "", none, none, none),
            ),
            (
                "坂本龍一/音楽図鑑/02 - 羽の林で.flac",
                ("羽の林で", "坂本龍一", "音楽図鑑", Some(2), none, none),
            ),
            (
                r"Artist\Album\01 - Title.mp3",
                ("Title", "Artist", "Album", Some(1), none, none),
            ),
            (
                "../../etc/01 - Title",
                ("Title", "", "etc", Some(1), none, none),
            ),
            (
                "Mr. Brown vol. 2",
                ("Mr. Brown vol. 2", "", "", none, none, none),
            ),
        ];
        for (path, (title, artist, album, track, disc, year)) in said {
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let expected = PathNames {
                title: some(title),
                artist: some(artist),
                album: some(album),
                track,
                disc,
                year,
            };
            assert_eq!(names(path), expected, "{path}");
        }
        assert_eq!(names("//"), PathNames::default());
    }

    proptest! {
        #[test]
        fn no_path_breaks_the_rule(path in "\\PC{0,60}|[-0-9./_ \\[\\]()ÄA]{0,40}") {
            let said = names(&path);
            prop_assert!(said.title.is_none_or(|title| !title.is_empty()));
        }
    }
}
