//! The terms under which a song's card can be looked up in the network.
//!
//! For each form of a word in a field that is searched: its first one to four characters; and each artist, of
//! the song or of its album, the album and each genre as a whole. A node that is responsible for a term holds every card with it, and
//! so answers any query that has the term, alone, by an ordinary local search: a longer word is
//! found among the cards of its first four characters. Longer beginnings would cost a posting for
//! each further character and save little, since lists under four characters are short already.
//! Where the places inside a word are forms too (Hangul, Thai), two characters are as rare, and the longest
//! term has two. A year has one term, since it is only found whole.
//! (eMule's Kad sends a whole query to the holders of one word in the same way: Steiner, En-Najjary
//! and Biersack, "A Global View of Kad", 2007.)

use std::collections::BTreeSet;

use kadenza_contract::{
    Browse, Query, Song, identity_fold,
    order::{Wanted, fields, is_whole, term_of},
};

/// All terms of a song, of all its recordings.
#[must_use]
pub fn of_song(song: &Song) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for recording in song.recordings() {
        let tags = &recording.tags;
        for form in fields(tags).iter().flatten() {
            let longest = term_of(form);
            if !is_whole(form) {
                let ends = longest.char_indices().map(|(at, _)| at).skip(1);
                terms.extend(ends.map(|end| format!("word:{}", &longest[..end])));
            }
            terms.insert(format!("word:{longest}"));
        }
        terms.extend(
            tags.credited()
                .filter_map(|name| whole("artist", Some(name))),
        );
        terms.extend(whole("album", Some(tags.album())));
        let genres = tags.genres().values();
        terms.extend(genres.filter_map(|name| whole("genre", Some(name))));
    }
    terms
}

/// The term whose holders can answer a query; none if only all nodes together can.
///
/// Of several words the longest is taken, as the one that the fewest cards are likely to have.
#[must_use]
pub fn of_query(query: &Query) -> Option<String> {
    let word = query.text.as_ref().and_then(|text| {
        let terms = text.required().iter().filter_map(Wanted::term);
        terms
            .max_by_key(|term| term.chars().count())
            .map(|term| format!("word:{term}"))
    });
    word.or_else(|| whole("album", query.album.as_deref()))
        .or_else(|| whole("artist", query.artist.as_deref()))
        .or_else(|| whole("genre", query.genre.as_deref()))
}

/// The term whose holders can answer a question for groups; none if only all nodes can.
#[must_use]
pub fn of_browse(browse: &Browse) -> Option<String> {
    whole("artist", browse.artist.as_deref()).or_else(|| whole("genre", browse.genre.as_deref()))
}

fn whole(kind: &str, text: Option<&str>) -> Option<String> {
    let folded = identity_fold(text?);
    (!folded.is_empty()).then(|| format!("{kind}:{folded}"))
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{ContentHash, Format, Recording, Tags, order::INSIDE};
    use proptest::prelude::*;

    use super::*;

    fn song(
        title: &str,
        artist: &str,
        album: &str,
        genre: &str,
        year: Option<u32>,
    ) -> Option<Song> {
        let tags = Tags::new(title, artist, album)
            .ok()?
            .with_genre(Some(genre))
            .with_year(year);
        Some(Song::new(Recording {
            content: ContentHash::of(b""),
            format: Format::Wav,
            size: 0,
            duration_ms: None,
            bit_rate: None,
            tags,
            has_artwork: false,
            added_at: Default::default(),
            reader: 0,
        }))
    }

    proptest! {
        /// Search is right because of this: a song that fits a query has the query's term.
        #[test]
        fn a_song_that_fits_a_query_has_its_term(
            title in "[a-cé東!' ]{1,8}|[a-cäå/.한ไل ]{1,6}", artist in "[a-cé ]{0,4}|[ab][/.-][ab]", album in "[a-c ]{0,4}", genre in "[ab]{0,2}",
            year in proptest::option::of(1998u32..2003),
            text in proptest::option::of("[a-cé東!' ]{0,5}|[a-cäå/.한ไل ]{1,6}|(a )?(1999|2000|200|2)"),
            filters in proptest::collection::vec(proptest::option::of("[a-cA-C ]{0,3}"), 3),
        ) {
            let mut query = match text { Some(text) => Query::words(&text).unwrap(), None => Query::all() };
            [query.artist, query.album, query.genre] = filters.try_into().unwrap();
            if let (Some(song), Some(term)) = (song(&title, &artist, &album, &genre, year), of_query(&query)) {
                // Parts of words and slips are asked of all nodes.
                let fits = query.song_key(&song).is_some_and(|key| key.rank() < INSIDE);
                prop_assert!(!fits || of_song(&song).contains(&term), "{term}");
            }
        }
    }

    #[test]
    fn a_word_is_found_under_its_beginnings() {
        let terms = of_song(&song("Defeat", "", "", "Game", Some(1999)).unwrap());
        let expected = [
            "genre:game",
            "word:1999",
            "word:d",
            "word:de",
            "word:def",
            "word:defe",
        ];
        assert_eq!(terms.into_iter().collect::<Vec<_>>(), expected);
    }
}
