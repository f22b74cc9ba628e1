//! How well a song fits the words of a search.
//!
//! The rank depends on the words and the tags alone: not on how many songs there are, nor on where
//! they are, as weights by frequency (TF-IDF, BM25) do. So one machine and many give the same order.
//!
//! In falling order: the title is what was typed; the title begins with it; the artist is what was
//! typed; all words are in the title; all are in the artist; all are in the album; they are spread
//! over the three. Within a class, songs with more of the words as whole words come first.

use crate::{QueryText, Tags, search_words};

/// Ranks between two classes: more than the most words that can be partial.
const CLASS: u64 = 1000;

/// The rank of a song for these words, lower is better; `None` if it does not have them all.
pub(crate) fn rank(text: &QueryText, tags: &Tags) -> Option<u64> {
    let typed = text.words();
    if typed.is_empty() {
        return None;
    }
    let [title, artist, album] = [tags.title(), tags.artist(), tags.album()].map(search_words);
    let mut partial = 0;
    let (mut in_title, mut in_artist, mut in_album) = (true, true, true);
    for word in text.required() {
        let found = [best(&title, word), best(&artist, word), best(&album, word)];
        match found.iter().flatten().min()? {
            Match::Whole => {}
            Match::Beginning => partial += 1,
        }
        in_title &= found[0].is_some();
        in_artist &= found[1].is_some();
        in_album &= found[2].is_some();
    }
    let class = if same(&title, typed) {
        0
    } else if begins(&title, typed) {
        1
    } else if same(&artist, typed) {
        2
    } else if in_title {
        3
    } else if in_artist {
        4
    } else if in_album {
        5
    } else {
        6
    };
    Some(class * CLASS + partial)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Whole,
    Beginning,
}

fn best(words: &[String], wanted: &str) -> Option<Match> {
    words
        .iter()
        .filter(|word| word.starts_with(wanted))
        .map(|word| {
            if word.len() == wanted.len() {
                Match::Whole
            } else {
                Match::Beginning
            }
        })
        .min()
}

/// Symbols beside words are not typed by most people, so they do not count here either.
fn plain(words: &[String]) -> impl Iterator<Item = &String> {
    let only_symbols = !words
        .iter()
        .any(|word| word.starts_with(char::is_alphanumeric));
    words
        .iter()
        .filter(move |word| only_symbols || word.starts_with(char::is_alphanumeric))
}

fn same(words: &[String], typed: &[String]) -> bool {
    plain(words).eq(typed.iter())
}

fn begins(words: &[String], typed: &[String]) -> bool {
    let mut words = plain(words);
    let Some((last, firsts)) = typed.split_last() else {
        return false;
    };
    firsts.iter().all(|typed| words.next() == Some(typed))
        && words
            .next()
            .is_some_and(|word| word.starts_with(last.as_str()))
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
        assert_eq!(ranked("ove", "Love", "x", "y"), None);
        assert_eq!(ranked("\u{200b}", "Love", "x", "y"), None);
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
