//! How well a song fits the words of a search.
//!
//! The rank depends on the words and the tags alone: not on how many songs there are, nor on where
//! they are, as weights by frequency (TF-IDF, BM25) do. So one machine and many give the same order.
//!
//! In falling order: the title is what was typed; the title begins with it; the artist is what was
//! typed; all words are in the title; all are in the artist; all are in the album; they are spread
//! over these and the other fields; some are only found inside of words; some only with a slip of one
//! letter. Within a class, songs with more of the words as whole words come first.

use crate::{
    DetailText, QueryText, Tags, search_forms, search_words,
    words::{Wanted, year_form},
};

/// Ranks between two classes: more than the most words that can be partial.
pub const CLASS: u64 = 1000;

/// From this rank on, words are only found inside of other words.
pub const INSIDE: u64 = 7 * CLASS;
/// From this rank on, words are only found with a slip.
pub const SLIP: u64 = 8 * CLASS;

/// How many fields are searched.
pub const FIELDS: usize = 4;

/// The forms of the words of one field.
pub type Field = Vec<String>;

/// What is searched: the forms of title, artist and album, which have classes of their own, and of all
/// else, each of them once.
#[must_use]
pub fn fields(tags: &Tags) -> [Field; FIELDS] {
    let [title, album] = [tags.title(), tags.album()].map(search_forms);
    let artist = forms_of(tags.artists().values());
    let mut other: Field = Vec::new();
    // A line for each further field.
    other.extend(tags.year().map(year_form));
    other.extend(forms_of(tags.album_artists().values()));
    let composers = tags
        .details()
        .map(|all| forms_of(all.texts(DetailText::Composers)));
    other.extend(composers.into_iter().flatten());
    other.sort_unstable();
    other.dedup();
    // A form is found wherever it is; here it would be found a second time.
    other.retain(|form| {
        ![&title, &artist, &album]
            .iter()
            .any(|field| field.contains(form))
    });
    [title, artist, album, other]
}

/// The forms of several names, each once.
fn forms_of<'a>(values: impl Iterator<Item = &'a str>) -> Field {
    let mut forms: Field = values.flat_map(search_forms).collect();
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The rank of a song for these words, lower is better; `None` if it does not have them all.
#[must_use]
pub fn rank(text: &QueryText, tags: &Tags) -> Option<u64> {
    if text.words().is_empty() {
        return None;
    }
    let fields = fields(tags);
    let mut found = Matches {
        in_title: true,
        in_artist: true,
        in_album: true,
        partial: 0,
    };
    let mut worst = Match::Whole;
    for wanted in text.required() {
        let matches = fields.each_ref().map(|forms| best(forms, wanted));
        let best = match matches.iter().flatten().min() {
            Some(near) => *near,
            None => far(&fields, wanted)?,
        };
        worst = worst.max(best);
        found.partial += u64::from(best != Match::Whole);
        found.in_title &= matches[0].is_some();
        found.in_artist &= matches[1].is_some();
        found.in_album &= matches[2].is_some();
    }
    match worst {
        Match::Whole | Match::Beginning => {}
        Match::Inside => return Some(INSIDE + found.partial),
        Match::Slip => return Some(SLIP + found.partial),
    }
    let typed = text.words().join(" ");
    let [title, artist] = [tags.title(), tags.artist()].map(|text| line(&search_words(text)));
    Some(rank_matches(&typed, &title, &artist, &found))
}

/// Where all the words of a search were found in a song.
#[derive(Debug)]
pub struct Matches {
    /// All of them are in the title.
    pub in_title: bool,
    /// All of them are in the artist.
    pub in_artist: bool,
    /// All of them are in the album.
    pub in_album: bool,
    /// How many of them were only found as beginnings of words.
    pub partial: u64,
}

/// The rank of a song that has all the words, from the words typed and the [`line()`]s of title and
/// artist.
pub fn rank_matches(typed: &str, title: &str, artist: &str, found: &Matches) -> u64 {
    let class = if found.in_title && title == typed {
        0
    } else if found.in_title && title.starts_with(typed) {
        1
    } else if found.in_artist && artist == typed {
        2
    } else if found.in_title {
        3
    } else if found.in_artist {
        4
    } else if found.in_album {
        5
    } else {
        6
    };
    class * CLASS + found.partial
}

/// The words of a text in one line, a space between them. Symbols beside words are not typed by
/// most people, so they do not count here either.
pub fn line(words: &[String]) -> String {
    let only_symbols = !words
        .iter()
        .any(|word| word.starts_with(char::is_alphanumeric));
    let mut line = String::new();
    for word in words {
        if only_symbols || word.starts_with(char::is_alphanumeric) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    line
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Whole,
    Beginning,
    Inside,
    Slip,
}

fn far(fields: &[Field; FIELDS], wanted: &Wanted) -> Option<Match> {
    let forms = || fields.iter().flatten();
    if forms().any(|form| wanted.is_inside(form)) {
        Some(Match::Inside)
    } else {
        forms()
            .any(|form| wanted.is_slip_of(form))
            .then_some(Match::Slip)
    }
}

fn best(forms: &[String], wanted: &Wanted) -> Option<Match> {
    let spellings = wanted.spellings().iter();
    let found = spellings.flat_map(|spelling| {
        let begun = forms
            .iter()
            .filter(move |form| form.starts_with(&**spelling));
        begun.map(move |form| match form.len() == spelling.len() {
            true => Match::Whole,
            false => Match::Beginning,
        })
    });
    found.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(typed: &str, title: &str, artist: &str, album: &str) -> Option<u64> {
        rank(
            &QueryText::new(typed).unwrap(),
            &Tags::new(title, artist, album).unwrap(),
        )
    }

    #[test]
    fn classes_come_in_their_documented_order() {
        let order = [
            ranked("Love Song", "love song", "x", "y"),
            ranked("love so", "Love Song for You", "x", "y"),
            ranked("love song", "x", "Love Song", "y"),
            ranked("song love", "Love Song", "x", "y"),
            ranked("song love", "x", "The Love Song", "y"),
            ranked("song love", "x", "z", "The Love Song"),
            ranked("song love", "Love", "z", "Song"),
        ];
        let classes: Vec<_> = order.iter().map(|rank| rank.unwrap() / CLASS).collect();
        assert_eq!(classes, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn whole_words_come_before_beginnings() {
        assert!(ranked("b def", "a def b", "", "") < ranked("b def", "a defeat b", "", ""));
    }

    #[test]
    fn every_word_must_be_there() {
        assert_eq!(ranked("love hate", "Love", "x", "y"), None);
        assert_eq!(ranked("ov", "Love", "x", "y"), None);
        assert_eq!(ranked("\u{200b}", "Love", "x", "y"), None);
    }

    #[test]
    fn parts_of_words_and_slips_come_last() {
        assert_eq!(
            ranked("hapsody", "Bohemian Rhapsody", "", ""),
            Some(INSIDE + 1)
        );
        assert_eq!(
            ranked("hapsody bohemian", "Bohemian Rhapsody", "", ""),
            Some(INSIDE + 1)
        );
        assert_eq!(
            ranked("thing", "Something Just Like This", "", ""),
            Some(INSIDE + 1)
        );
        for typed in [
            "bohemain",
            "bohemia",
            "bohemiann",
            "bohamian",
            "oohemian",
            "ohemian rhapsody",
            "bbohemian",
        ] {
            let rank = ranked(typed, "Bohemian Rhapsody", "", "").unwrap();
            let is_beginning = "bohemian".starts_with(typed);
            let is_inside = typed.starts_with("ohemian");
            assert_eq!(rank >= SLIP, !is_beginning && !is_inside, "{typed}");
        }
        // Two slips, words of four letters, years, and beginnings with a slip are not found.
        assert_eq!(ranked("bohmain", "Bohemian", "", ""), None);
        assert_eq!(ranked("lvoe", "Love", "", ""), None);
        assert_eq!(ranked("rhpas", "Rhapsody", "", ""), None);
    }

    #[test]
    fn accents_case_and_symbols_do_not_matter() {
        assert_eq!(ranked("megtort ALOM", "Megtört Álom", "", ""), Some(0));
        assert_eq!(
            ranked("simon garfunkel", "x", "Simon & Garfunkel", ""),
            Some(2 * CLASS)
        );
        assert_eq!(
            ranked("simon & garfunkel", "x", "Simon & Garfunkel", ""),
            Some(2 * CLASS)
        );
        assert_eq!(ranked("!!!", "x", "!!!", ""), Some(2 * CLASS));
    }
}
