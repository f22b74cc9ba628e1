//! Which disc the name of a folder says: `CD2`, `Disc 2 - Live`, `CD 2 von 3`, `Album (CD2)`, `Side B`.
//!
//! Albums are called like discs too: `Disco 2`, `LP1`, `Disc Two`. So a name is surely a disc only where one of
//! the usual words stands before a number in digits. All others count where an artist and an album stand above
//! them, or where the usual word stands apart behind the name of an album, in brackets or behind a dash.
//! A volume is no disc but an album of its own.

/// Words that hardly an album is called by.
const USUAL: [&str; 5] = ["cd", "disc", "disk", "disque", "dvd"];
/// Words for discs by which albums are called as well.
const UNUSUAL: [&str; 7] = [
    "disco", "lp", "vinyl", "platte", "tape", "cassette", "kassette",
];
/// Words for one side of a record or a tape. A side counts as a disc: its tracks are counted anew.
const SIDES: [&str; 5] = ["side", "seite", "face", "lado", "lato"];
/// Words between the number of a disc and that of all discs.
const OF: [&str; 6] = ["of", "von", "de", "di", "sur", "van"];
/// Words for numbers, from one on.
const NUMBERS: [&[&str]; 10] = [
    &["one", "eins", "un", "uno", "i"],
    &["two", "zwei", "deux", "dos", "due", "ii"],
    &["three", "drei", "trois", "tres", "tre", "iii"],
    &["four", "vier", "quatre", "cuatro", "quattro", "iv"],
    &["five", "fünf", "cinq", "cinco", "cinque", "v"],
    &["six", "sechs", "vi"],
    &["seven", "sieben", "sept", "vii"],
    &["eight", "acht", "huit", "viii"],
    &["nine", "neun", "neuf", "ix"],
    &["ten", "zehn", "dix", "x"],
];

/// The disc that a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disc {
    pub(super) number: u32,
    pub(super) subtitle: Option<String>,
    /// Whether the word is a usual one.
    is_usual: bool,
    /// Whether the number is in digits.
    is_in_digits: bool,
}

impl Disc {
    /// The disc that a whole name says.
    pub(super) fn of(name: &str) -> Option<Disc> {
        let name = inner(name).unwrap_or(name);
        let words = |words: &'static [&str]| words.iter().map(move |word| (*word, words));
        let mut all = words(&USUAL).chain(words(&UNUSUAL)).chain(words(&SIDES));
        all.find_map(|(word, kind)| {
            let behind = without_word(name, word)?;
            let at = behind.trim_start_matches([' ', '_', '-', '.', '#']);
            let is_apart = at.len() < behind.len();
            let at = ["no.", "nr."]
                .iter()
                .find_map(|number| without_word(at, number))
                .map_or(at, str::trim_start);
            let (number, rest) = match numbered(at) {
                Some(found) => found,
                None if is_apart && kind == SIDES => side(at)?,
                None if is_apart => in_words(at)?,
                None => return None,
            };
            Some(Disc {
                number,
                subtitle: subtitle(without_all(rest))?,
                is_usual: kind == USUAL,
                is_in_digits: at.starts_with(|c: char| c.is_ascii_digit()),
            })
        })
    }

    /// Whether a name is hardly anything else.
    pub(super) fn is_sure(&self) -> bool {
        self.is_usual && self.is_in_digits
    }
}

/// An album without the disc behind it: `Album (CD2)`, `Album - Disc Two`, `Album CD 2 of 3`.
pub(super) fn without_disc(name: &str) -> (String, Option<Disc>) {
    let ends_an_album = |at: usize| {
        let album = name[..at].trim_end_matches([' ', ',', '-', '–', '—', ':']);
        (!album.is_empty()).then(|| album.to_owned())
    };
    let bracket = name
        .rfind(['(', '['])
        .filter(|at| inner(&name[*at..]).is_some());
    let apart = [" - ", " – ", " — ", ", "]
        .iter()
        .flat_map(|mark| name.match_indices(mark).map(|(at, mark)| at + mark.len()));
    let mut apart: Vec<usize> = bracket.into_iter().chain(apart).collect();
    apart.sort_unstable();
    let apart = apart.into_iter().find_map(|at| {
        let disc = Disc::of(&name[at..]).filter(|disc| disc.is_usual)?;
        Some((ends_an_album(at)?, disc))
    });
    let close = || {
        name.match_indices(' ').find_map(|(at, _)| {
            let disc = Disc::of(&name[at + 1..]);
            // A number of three digits is that of something else.
            let disc = disc.filter(|disc| disc.is_sure() && disc.number < 100)?;
            Some((ends_an_album(at)?, disc))
        })
    };
    match apart.or_else(close) {
        Some((album, disc)) => (album, Some(disc)),
        None => (name.to_owned(), None),
    }
}

/// What is in the brackets that a text is in.
fn inner(text: &str) -> Option<&str> {
    let inner = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    let inner = inner.or_else(|| text.strip_prefix('[')?.strip_suffix(']'))?;
    (!inner.contains(['(', ')', '[', ']'])).then(|| inner.trim())
}

/// What stands behind a word in letters of either case.
fn without_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (begin, rest) = text.split_at_checked(word.len())?;
    begin.eq_ignore_ascii_case(word).then_some(rest)
}

/// A number in digits.
fn numbered(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((super::parts::number(number)?, rest))
}

/// The number of a side, as a word or a letter.
fn side(text: &str) -> Option<(u32, &str)> {
    in_words(text).or_else(|| {
        let number = text.chars().next().and_then(side_of)?;
        let rest = &text[1..];
        (!rest.starts_with(char::is_alphanumeric)).then_some((number, rest))
    })
}

/// The number of a side from its letter.
pub(super) fn side_of(letter: char) -> Option<u32> {
    let letter = letter.to_ascii_uppercase();
    let is_side = ('A'..='H').contains(&letter);
    is_side.then(|| u32::from(letter) - u32::from('A') + 1)
}

/// A number that is a word.
fn in_words(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let word = word.to_lowercase();
    let number = (1..)
        .zip(NUMBERS)
        .find(|(_, names)| names.contains(&&*word));
    number.map(|(number, _)| (number, rest))
}

/// What stands behind `of 3`.
fn without_all(rest: &str) -> &str {
    let text = rest.trim_start_matches([' ', '_']);
    OF.iter()
        .find_map(|of| {
            let text = without_word(text, of)?.trim_start_matches([' ', '_']);
            let (_, rest) = numbered(text).or_else(|| in_words(text))?;
            Some(rest)
        })
        .unwrap_or(rest)
}

/// The subtitle that stands apart behind a number, where there is one; `None` where something else stands there.
fn subtitle(rest: &str) -> Option<Option<String>> {
    let trimmed = rest.trim();
    if trimmed.is_empty() {
        return Some(None);
    }
    let text = inner(trimmed).or_else(|| {
        let text = trimmed.strip_prefix(['-', '–', '—', ':', ',', '_'])?;
        Some(text.trim_start())
    })?;
    let is_name = text.chars().any(char::is_alphabetic);
    is_name.then(|| Some(text.to_owned()))
}
