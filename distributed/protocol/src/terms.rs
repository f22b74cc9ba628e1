//! The terms under which a song's card can be looked up in the network.
//!
//! For each form of a word in a field that is searched: its first three characters; and each artist, of the song or of
//! its album, and the album as a whole. A node that is responsible for a term holds every card with it, and so answers
//! any query that has the term, alone, by an ordinary local search. What very many songs have is no term (shorter and
//! common beginnings, years, genres): three machines would hold most cards for it. All nodes are asked for that.
//! (eMule's Kad sends a whole query to the holders of one word in the same way: Steiner, En-Najjary
//! and Biersack, "A Global View of Kad", 2007.)

use std::collections::BTreeSet;

use kadenza_contract::{
    Browse, Query, Song, identity_fold,
    order::{Wanted, fields, term_of},
};

/// The artist of albums of many artists.
const OF_MANY: &str = "various artists";

/// All terms of a song, of all its recordings.
#[must_use]
pub fn of_song(song: &Song) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for recording in song.recordings() {
        let tags = &recording.tags;
        let words = fields(tags);
        let words = words.iter().flatten().filter_map(|form| term_of(form));
        terms.extend(words.map(|term| format!("word:{term}")));
        terms.extend(
            tags.credited()
                .filter_map(|name| whole("artist", Some(name))),
        );
        terms.extend(whole("album", Some(tags.album())));
    }
    terms
}

/// The term whose holders can answer a query; none if only all nodes together can.
///
/// Of several words the longest is taken, as the one that the fewest songs are likely to have.
#[must_use]
pub fn of_query(query: &Query) -> Option<String> {
    let word = query.text.as_ref().and_then(|text| {
        let of = |wanted: &Wanted| {
            let length = wanted.spellings().iter().map(String::len).min();
            Some((length, format!("word:{}", wanted.term()?)))
        };
        let terms = text.required().iter().filter_map(of);
        terms
            .max_by_key(|(length, _)| *length)
            .map(|(_, term)| term)
    });
    word.or_else(|| whole("album", query.album.as_deref()))
        .or_else(|| whole("artist", query.artist.as_deref()))
}

/// The term whose holders can answer a question for groups; none if only all nodes can.
#[must_use]
pub fn of_browse(browse: &Browse) -> Option<String> {
    whole("artist", browse.artist.as_deref())
}

fn whole(kind: &str, text: Option<&str>) -> Option<String> {
    let folded = identity_fold(text?);
    (!folded.is_empty() && folded != OF_MANY).then(|| format!("{kind}:{folded}"))
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
    fn what_few_songs_have_is_a_term() {
        let song = |artist, year| song("The Defeat of U2", artist, "Best", "Game", year).unwrap();
        let terms = of_song(&song("Various Artists", Some(1999)));
        let expected = ["album:best", "word:art", "word:bes", "word:def", "word:var"];
        assert_eq!(terms.into_iter().collect::<Vec<_>>(), expected);
        let term = |text| of_query(&Query::words(text).unwrap());
        for text in ["de", "the", "u2", "1999"] {
            assert_eq!(term(text), None, "{text}");
        }
        assert_eq!(term("best defeat").as_deref(), Some("word:bes"));
    }
}
