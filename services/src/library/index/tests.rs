//! The index against its definition: whatever is put in, dropped and asked, the answer is that of
//! [`Query::page`] and [`Browse::page`] over all songs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{ContentHash, Format, Limit, QueryText, Recording, Tags};

/// Few words, so that songs share them; some are equal for identity but not for order, or not when
/// folded.
const NAMES: [&str; 14] = [
    "",
    "love",
    "Love",
    "lovely day",
    "Love Song",
    "song",
    "Éve",
    "eve ning",
    "AC/DC",
    "!!!",
    "l'ove & !!!",
    "\u{3b1}\u{345}",
    "\u{3b1}\u{3b9}",
    "東京 love",
];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

prop_compose! {
    fn song()(
        title in name(), artist in name(), album in name(), genre in name(), content in 0u8..40,
        track in 0u32..4, year in 0u32..4, added in 0i64..4,
    ) -> Song {
        let title = if title.is_empty() { "untitled" } else { title };
        Song::new(Recording {
            content: ContentHash::from_bytes([content; 32]),
            format: Format::Mp3,
            size: 1,
            duration_ms: u64::from(content),
            bit_rate: u32::from(content),
            tags: Tags::new(title, artist, album)
                .unwrap()
                .with_track(Some(track))
                .with_year(Some(year))
                .with_genre(Some(genre)),
            has_artwork: false,
            added_at: Timestamp::from_millisecond(added).unwrap(),
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(Song, bool),
    Remove(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (song(), any::<bool>()).prop_map(|(song, held)| Step::Put(song, held)),
        1 => any::<prop::sample::Index>().prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..60)
}

fn sorts() -> impl Strategy<Value = Sort> {
    prop::sample::select(vec![
        Sort::Relevance,
        Sort::Title,
        Sort::Artist,
        Sort::Album,
        Sort::Newest,
        Sort::Year,
    ])
}

prop_compose! {
    fn query()(
        text in prop::option::of(prop::sample::select(vec![
            "l", "lo", "love", "love so", "song love", "eve", "e", "!!!", "love !!!", "東", "zzz",
            "\u{200b}", "d a", "love love", "ac dc",
        ])),
        artist in prop::option::weighted(0.3, name()),
        album in prop::option::weighted(0.2, name()),
        genre in prop::option::weighted(0.2, name()),
        sort in sorts(),
        limit in 1usize..9,
    ) -> Query {
        Query {
            text: text.map(|text| QueryText::new(text).unwrap()),
            artist: artist.map(str::to_owned),
            album: album.map(str::to_owned),
            genre: genre.map(str::to_owned),
            sort,
            limit: Limit::new(limit).unwrap(),
            after: None,
        }
    }
}

prop_compose! {
    fn browse()(
        kind in prop::sample::select(&KINDS[..]),
        artist in prop::option::weighted(0.3, name()),
        genre in prop::option::weighted(0.3, name()),
        limit in 1usize..5,
    ) -> Browse {
        Browse {
            artist: artist.map(str::to_owned),
            genre: genre.map(str::to_owned),
            limit: Limit::new(limit).unwrap(),
            ..Browse::all(kind)
        }
    }
}

/// The cards that there are after the steps.
fn model(steps: &[Step]) -> BTreeMap<SongId, Arc<Card>> {
    let mut cards: BTreeMap<SongId, Arc<Card>> = BTreeMap::new();
    for step in steps {
        apply(&mut cards, step);
    }
    cards
}

fn apply(cards: &mut BTreeMap<SongId, Arc<Card>>, step: &Step) -> Option<SongId> {
    match step {
        Step::Put(song, held) => {
            let mut merged = song.clone();
            if let Some(known) = cards.get(&song.id()) {
                merged.merge(&known.song);
            }
            let held = if *held {
                vec![merged.best().content]
            } else {
                Vec::new()
            };
            let card = Card { song: merged, held };
            cards.insert(song.id(), Arc::new(card));
            Some(song.id())
        }
        Step::Remove(at) => {
            if cards.is_empty() {
                return None;
            }
            let id = *cards.keys().nth(at.index(cards.len()))?;
            cards.remove(&id);
            Some(id)
        }
    }
}

/// An index that took the steps one by one.
fn stepped(steps: &[Step]) -> Index {
    let mut index = Index::build(std::iter::empty());
    let mut cards = BTreeMap::new();
    for step in steps {
        if let Some(id) = apply(&mut cards, step) {
            match cards.get(&id) {
                Some(card) => index.put(Arc::clone(card)),
                None => index.remove(&id),
            }
        }
    }
    index
}

fn check_search(index: &Index, songs: &[Song], query: &Query, scope: Scope) {
    let mut query = query.clone();
    loop {
        let page = index.search(&query, scope);
        assert_eq!(page, query.page(songs.to_vec()), "{query:?}");
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
}

fn check_browse(index: &Index, songs: &[Song], browse: &Browse, scope: Scope) {
    let mut browse = browse.clone();
    loop {
        let page = index.browse(&browse, scope);
        assert_eq!(page, browse.page(songs), "{browse:?}");
        match page.next {
            Some(next) => browse.after = Some(next),
            None => break,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_page_is_the_one_that_is_defined(
        steps in steps(), queries in prop::collection::vec(query(), 8),
        browses in prop::collection::vec(browse(), 4), other: [u8; 32],
    ) {
        let cards = model(&steps);
        let built = Index::build(cards.values().cloned().map(Prepared::of));
        for index in [stepped(&steps), built] {
            for scope in [Scope::Known, Scope::Held] {
                let songs: Vec<Song> = cards
                    .values()
                    .filter(|card| scope == Scope::Known || card.is_held())
                    .map(|card| card.song.clone())
                    .collect();
                for query in &queries {
                    check_search(&index, &songs, query, scope);
                    // A cursor from anywhere.
                    let key = SortKey::new(u64::from(other[0]) * 40, "love".into(), other);
                    let query = Query { after: Some(crate::Cursor::behind(key)), ..query.clone() };
                    prop_assert_eq!(index.search(&query, scope), query.page(songs.clone()));
                }
                for browse in &browses {
                    check_browse(&index, &songs, browse, scope);
                }
            }
            let ids: Vec<SongId> = index.after(None, 1000).iter().map(|card| card.song.id()).collect();
            prop_assert_eq!(ids, cards.keys().copied().collect::<Vec<_>>());
        }
    }
}

/// Enough songs that candidates are walked instead of sorted, and runs are split.
#[test]
fn large_answers_are_the_ones_that_are_defined() {
    let words = [
        "love", "lovely", "song", "rain", "the", "thunder", "Éve", "night",
    ];
    let mut index = Index::build(std::iter::empty());
    let mut songs = Vec::new();
    let mut dice = blake3::Hasher::new().update(b"dice").finalize_xof();
    let mut roll = |sides: usize| {
        let mut byte = [0; 2];
        dice.fill(&mut byte);
        usize::from(u16::from_be_bytes(byte)) % sides
    };
    for n in 0..1500u32 {
        let title = format!("{} {} {n}", words[roll(8)], words[roll(8)]);
        let song = Song::new(Recording {
            content: ContentHash::of(&n.to_be_bytes()),
            format: Format::Mp3,
            size: 1,
            duration_ms: 1,
            bit_rate: 1,
            tags: Tags::new(&title, words[roll(8)], words[roll(8)])
                .unwrap()
                .with_year(Some(1950 + roll(70) as u32))
                .with_genre(Some(words[roll(2)])),
            has_artwork: false,
            added_at: Timestamp::from_millisecond(roll(500) as i64).unwrap(),
        });
        index.put(Arc::new(Card {
            song: song.clone(),
            held: if roll(3) == 0 {
                Vec::new()
            } else {
                vec![song.best().content]
            },
        }));
        songs.push(song);
    }
    let texts = [None, Some("l"), Some("the t"), Some("song rain")];
    for text in texts {
        for (sort, artist) in [
            (Sort::Relevance, None),
            (Sort::Relevance, Some("Love")),
            (Sort::Newest, None),
            (Sort::Year, None),
            (Sort::Artist, Some("the")),
            (Sort::Album, None),
        ] {
            let query = Query {
                text: text.map(|text| QueryText::new(text).unwrap()),
                artist: artist.map(str::to_owned),
                sort,
                limit: Limit::new(400).unwrap(),
                ..Query::all()
            };
            check_search(&index, &songs, &query, Scope::Known);
        }
    }
    for kind in KINDS {
        check_browse(&index, &songs, &Browse::all(kind), Scope::Known);
        let filtered = Browse {
            genre: Some("love".into()),
            ..Browse::all(kind)
        };
        check_browse(&index, &songs, &filtered, Scope::Known);
    }
    // Out in another order than in: nothing is left behind.
    for song in songs
        .iter()
        .rev()
        .step_by(2)
        .chain(songs.iter().rev().skip(1).step_by(2))
    {
        index.remove(&song.id());
    }
    assert!(index.search(&Query::all(), Scope::Known).items.is_empty());
    assert!(
        index
            .browse(&Browse::all(GroupKind::Album), Scope::Known)
            .items
            .is_empty()
    );
    assert!(
        index
            .search(&Query::words("l").unwrap(), Scope::Known)
            .items
            .is_empty()
    );
}
