//! The index against its definition: whatever is put in, dropped and asked, the answer is that of
//! [`Query::page`] and [`Browse::page`] over all songs.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{
    doc::{KINDS, Scope},
    list::Index,
    merge::Merge,
    part::Part,
    segment::{Flat, Reader, Row, Segment},
};
use crate::card::Card;
use kadenza_contract::{
    Browse, ContentHash, DetailNumber, DetailText, Details, Format, GroupKind, Limit, Names, Query,
    QueryText, Recording, Song, SongId, Sort, SortKey, Tags, order::SLIP,
};

/// Few words, so that songs share them; some are equal for identity but not for order, or not when
/// folded.
const NAMES: [&str; 21] = [
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
    "R.E.M.",
    "REM L'été",
    "Die Ärzte",
    "봄날은간다",
    "風中",
    "1 2 rock'n'roll",
    "Various Artists",
];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn names() -> impl Strategy<Value = Names> {
    let several = prop::collection::vec(name(), 0..4);
    prop_oneof![
        name().prop_map(|name| Names::new([name])),
        several.prop_map(Names::new)
    ]
}

fn details() -> impl Strategy<Value = Details> {
    let id = "0b3f2f0e-1c1d-4a5b-8b7a-00ff00ff00ff";
    (prop::option::of(name()), any::<bool>(), -900i64..900).prop_map(
        move |(composer, has, gain)| {
            let details =
                Details::default().with_text(DetailText::Composers, composer.unwrap_or(""));
            if !has {
                return details;
            }
            details
                .with_text(DetailText::MusicBrainzArtists, id)
                .with_text(DetailText::MusicBrainzArtists, &id.to_uppercase())
                .with_number(DetailNumber::TrackGain, Some(gain))
        },
    )
}

prop_compose! {
    fn song()(
        title in name(), artists in names(), album in name(), genres in names(), content in 0u8..40,
        track in 0u32..4, year in 0u32..4, added in 0i64..4,
        album_artists in names(), is_compilation in any::<bool>(), has_artwork in any::<bool>(),
        details in details(), again in prop::bool::weighted(0.3),
    ) -> Song {
        // Many are recordings of one song, at several places of its album.
        let (title, artists, album) = match again {
            true => ("love", Names::new(["love"]), "love"),
            false => (title, artists, album),
        };
        let title = if title.is_empty() { "untitled" } else { title };
        Song::new(Recording {
            content: ContentHash::from_bytes([content; 32]),
            format: Format::Mp3,
            size: 1,
            duration_ms: Some(u64::from(content)).filter(|ms| *ms > 0),
            bit_rate: Some(u32::from(content)).filter(|rate| *rate > 0),
            tags: Tags::new(title, "", album)
                .unwrap()
                .with_artists(artists)
                .with_track(Some(track))
                .with_disc(Some(year / 2))
                .with_year(Some(year))
                .with_genres(genres)
                .with_album_artists(&album_artists)
                .with_compilation(is_compilation)
                .with_details(details),
            has_artwork,
            added_at: Timestamp::from_millisecond(added).unwrap(),
            reader: 0,
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(Song, bool),
    Remove(prop::sample::Index),
    /// Merges everything; what the steps up to the next merge forget is forgotten while it runs.
    Merge,
    /// Out to bytes and back.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (song(), any::<bool>()).prop_map(|(song, held)| Step::Put(song, held)),
        1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => Just(Step::Merge),
        1 => Just(Step::Reopen),
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
        Sort::Random(0),
        Sort::Random(u32::MAX / 3),
    ])
}

prop_compose! {
    fn query()(
        text in prop::option::of(prop::sample::select(vec![
            "l", "lo", "love", "love so", "song love", "eve", "e", "!!!", "love !!!", "東", "zzz",
            "\u{200b}", "d a", "love love", "ac dc", "acdc", "r.e.m.", "rem", "ete", "l'ete", "aerzte", "Ärzte",
            "날은", "风", "2", "1", "rock n roll",
            "ove", "vel", "eveni", "lovley", "lvely so", "ening", "lovelu ove", "untitlde", "rzt", "aerzet", "ten",
        ])),
        artist in prop::option::weighted(0.3, name()),
        album in prop::option::weighted(0.3, prop_oneof![name(), Just("love")]),
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
            let card = Card {
                song: merged,
                held,
                damaged: Vec::new(),
            };
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
        Step::Merge | Step::Reopen => None,
    }
}

fn row<'a>(cards: impl IntoIterator<Item = &'a Arc<Card>>) -> Row {
    let mut row = Row::default();
    for card in cards {
        row.push(card);
    }
    row
}

/// An index that took the steps one by one.
fn stepped(steps: &[Step]) -> Index {
    let mut index = Index::default();
    let mut cards = BTreeMap::new();
    let mut merging = None;
    for step in steps {
        if let Some(id) = apply(&mut cards, step) {
            index = match cards.get(&id) {
                Some(card) => index.with(row([card]), &[], 0),
                None => index.with(Row::default(), &[id], 0),
            };
        }
        match step {
            Step::Merge => {
                if let Some(merged) = merging.take() {
                    index = index.merged(merged);
                }
                merging = Some(Merge::of_all(&index).run());
            }
            Step::Reopen => (index, merging) = (reopened(&index), None),
            Step::Put(..) | Step::Remove(_) => {}
        }
        while let Some(due) = index.due(None) {
            // The segments of the merge under way may be gone by now.
            merging = None;
            index = index.merged(due.run());
        }
    }
    index
}

/// The same index, saved and loaded.
fn reopened(index: &Index) -> Index {
    let parts = index.parts.iter().map(|part| {
        let mut bytes = Vec::new();
        part.segment.save(&mut Flat::new(&mut bytes)).unwrap();
        let segment = Segment::load(&mut Reader::new(&bytes)).unwrap();
        Part::of(Arc::new(segment), part.seen(Scope::Known).clone())
    });
    Index::of(parts.collect(), index.change)
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

/// Songs by their ids and by their audio.
fn check_lookups(index: &Index, cards: &BTreeMap<SongId, Arc<Card>>) {
    for (id, card) in cards {
        assert_eq!(index.card(id).as_ref(), Some(&**card));
    }
    let held = cards.values().filter(|card| card.is_held()).count() as u64;
    assert_eq!(
        [Scope::Known, Scope::Held].map(|scope| index.count(scope)),
        [cards.len() as u64, held]
    );
    for content in (0..40).map(|byte| ContentHash::from_bytes([byte; 32])) {
        let mut holders: Vec<SongId> = index.holders(&content).map(|(id, _)| id).collect();
        holders.sort_unstable();
        let held = cards
            .iter()
            .filter(|(_, card)| card.held.contains(&content));
        assert_eq!(holders, held.map(|(id, _)| *id).collect::<Vec<_>>());
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
        let built = Index::build(row(cards.values()), 0);
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
                    let query = Query { after: Some(kadenza_contract::Cursor::behind(key)), ..query.clone() };
                    prop_assert_eq!(index.search(&query, scope), query.page(songs.clone()));
                }
                for browse in &browses {
                    check_browse(&index, &songs, browse, scope);
                }
            }
            let ids: Vec<SongId> = index.after(None, 1000).iter().map(|card| card.song.id()).collect();
            prop_assert_eq!(ids, cards.keys().copied().collect::<Vec<_>>());
            check_lookups(&index, &cards);
        }
    }
}

/// Enough songs that bits are kept for words and beginnings, and that classes are counted through.
#[test]
fn large_answers_are_the_ones_that_are_defined() {
    let words = [
        "love", "lovely", "song", "rain", "the", "thunder", "Éve", "night",
    ];
    let mut songs = Vec::new();
    let mut cards = Vec::new();
    let mut dice = blake3::Hasher::new().update(b"dice").finalize_xof();
    let mut roll = |sides: usize| {
        let mut byte = [0; 2];
        dice.fill(&mut byte);
        usize::from(u16::from_be_bytes(byte)) % sides
    };
    for n in 0..5000u32 {
        let title = match roll(8) {
            0 => format!("{} {}", words[roll(8)], words[roll(8)]),
            _ => format!("{} {} {n}", words[roll(8)], words[roll(8)]),
        };
        let song = Song::new(Recording {
            content: ContentHash::of(&n.to_be_bytes()),
            format: Format::Mp3,
            size: 1,
            duration_ms: Some(if n == 7 { 1 << 40 } else { u64::from(n) }).filter(|ms| *ms > 0),
            bit_rate: Some(1),
            tags: Tags::new(&title, words[roll(8)], words[roll(8)])
                .unwrap()
                .with_year(Some(1950 + roll(70) as u32))
                .with_genre(Some(words[roll(2)])),
            has_artwork: false,
            added_at: Timestamp::from_millisecond(roll(500) as i64).unwrap(),
            reader: 0,
        });
        let held = match roll(3) {
            0 => Vec::new(),
            _ => vec![song.best().content],
        };
        let card = Card {
            song,
            held,
            damaged: Vec::new(),
        };
        if !songs.iter().any(|song: &Song| song.id() == card.song.id()) {
            songs.push(card.song.clone());
            cards.push(Arc::new(card));
        }
    }
    // One large segment, and some of what comes later.
    let mut index = Index::build(row(&cards[..4500]), 0);
    for some in cards[4500..].chunks(100) {
        index = index.with(row(some), &[], 0);
    }
    let texts = [
        None,
        Some("l"),
        Some("t"),
        Some("the t"),
        Some("song rain"),
        Some("love"),
        Some("l t s r e n"),
        Some("the the"),
        Some("the love 1"),
        Some("e 4999"),
        Some("ove"),
        Some("hun ove"),
        Some("thundre"),
        Some("thunder lvely"),
        Some("lovelyy ong"),
    ];
    for text in texts {
        for (sort, artist) in [
            (Sort::Relevance, None),
            (Sort::Relevance, Some("Love")),
            (Sort::Newest, None),
            (Sort::Year, None),
            (Sort::Artist, Some("the")),
            (Sort::Album, None),
            (Sort::Random(9), None),
        ] {
            let query = Query {
                text: text.map(|text| QueryText::new(text).unwrap()),
                artist: artist.map(str::to_owned),
                sort,
                limit: Limit::new(500).unwrap(),
                ..Query::all()
            };
            check_all_pages(&index, &songs, &query);
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
    for some in songs.rchunks(700) {
        let ids: Vec<SongId> = some.iter().map(Song::id).collect();
        index = index.with(Row::default(), &ids, 0);
        while let Some(due) = index.due(None) {
            index = index.merged(due.run());
        }
    }
    assert!(index.search(&Query::all(), Scope::Known).items.is_empty());
    let albums = index.browse(&Browse::all(GroupKind::Album), Scope::Known);
    assert!(albums.items.is_empty());
    let found = index.search(&Query::words("l").unwrap(), Scope::Known);
    assert!(found.items.is_empty());
}

/// The definition once, for all pages.
fn check_all_pages(index: &Index, songs: &[Song], query: &Query) {
    let mut defined: Vec<(SortKey, &Song)> = songs
        .iter()
        .filter_map(|song| Some((query.song_key(song)?, song)))
        .collect();
    defined.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let is_slip = |key: &SortKey| query.takes_parts() && key.rank() >= SLIP;
    if defined.first().is_some_and(|(key, _)| !is_slip(key)) {
        defined.retain(|(key, _)| !is_slip(key));
    }
    let mut query = query.clone();
    let mut rest = defined.as_slice();
    loop {
        let (expected, behind) = rest.split_at(rest.len().min(query.limit.get()));
        let page = index.search(&query, Scope::Known);
        assert!(
            page.items.iter().eq(expected.iter().map(|(_, song)| *song)),
            "{query:?}"
        );
        rest = behind;
        query.after = page.next;
        assert_eq!(query.after.is_some(), !rest.is_empty());
        if rest.is_empty() {
            break;
        }
    }
}
