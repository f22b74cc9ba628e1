//! Pages of several machines make the page that is defined, whatever each of them knows.

use proptest::prelude::*;

use crate::{
    ContentHash, Cursor, Entry, Format, Limit, Page, Partial, Query, Recording, Song, SongId, Sort,
    Tags,
    order::{INSIDE, SLIP},
};

fn song(title: &str) -> Song {
    Song::new(Recording {
        content: ContentHash::of(title.as_bytes()),
        format: Format::Wav,
        size: 0,
        duration_ms: None,
        bit_rate: None,
        tags: Tags::new(title, "", "").unwrap(),
        has_artwork: false,
        added_at: Default::default(),
        reader: 0,
    })
}

fn query(text: &str, limit: usize, after: Option<Cursor>) -> Query {
    Query {
        limit: Limit::new(limit).unwrap(),
        after,
        ..Query::words(text).unwrap()
    }
}

fn titles(page: &Page<Entry>) -> Vec<&str> {
    page.items
        .iter()
        .map(|entry| entry.tags().title())
        .collect()
}

#[test]
fn slips_are_given_only_where_nothing_better_is() {
    let songs = ["Lovely", "Lovley", "Loveyl", "Unlovely"].map(song);
    let ask = |text, limit, after| query(text, limit, after).page(songs.clone());
    assert_eq!(titles(&ask("lovely", 9, None)), ["Lovely", "Unlovely"]);
    assert_eq!(titles(&ask("lovelyx", 9, None)), ["Lovely"]);
    // Behind the last good hit as well.
    let first = ask("lovely", 1, None);
    let second = ask("lovely", 1, first.next);
    assert_eq!(
        (titles(&second), second.next.is_none()),
        (vec!["Unlovely"], true)
    );
    let last = query("lovely", 1, None)
        .song_key(&songs[3])
        .map(Cursor::behind);
    assert_eq!(titles(&ask("lovely", 1, last)), [""; 0]);

    // One machine has only slips, and more of them than its page takes.
    let asked = query("lovely", 1, None);
    let merge = |pages: [&[Song]; 2]| {
        let pages = pages.map(|songs| asked.page(songs.to_vec()));
        asked.merge(pages.to_vec())
    };
    let merged = merge([&songs[..1], &songs[1..3]]);
    assert_eq!(
        (titles(&merged), merged.next.is_none()),
        (vec!["Lovely"], true)
    );
    let merged = merge([&[], &songs[1..3]]);
    assert_eq!(titles(&merged), ["Loveyl"]);
    assert!(merged.next.is_some());
}

#[test]
fn parts_and_slips_are_hits_by_relevance_only() {
    for (typed, rank) in [("ovely", INSIDE), ("lvoely", SLIP)] {
        let best = query(typed, 1, None);
        let key = best.song_key(&song("Lovely")).unwrap();
        assert_eq!(key.rank(), rank + 1);
        let by_title = Query {
            sort: Sort::Title,
            ..best
        };
        assert_eq!(by_title.song_key(&song("Lovely")), None);
    }
}

proptest! {
    #[test]
    fn machines_together_give_the_pages_that_are_defined(
        known in prop::collection::vec((0usize..10, 0u8..8), 0..24),
        text in prop::sample::select(vec!["lovely", "lovley", "love", "ove", "lov", "lovely song", "ong"]),
        limit in 1usize..4,
        start in prop::option::of((0u64..10, 0usize..10)),
    ) {
        const TITLES: [&str; 10] = [
            "Lovely", "Lovley", "Loveyl", "Unlovely", "Love", "Glove", "Lovely Song", "Lovley Songs", "Long", "Sung",
        ];
        let nodes: Vec<Vec<Song>> = (0..3)
            .map(|node| known.iter().filter(|(_, nodes)| nodes >> node & 1 == 1).map(|(title, _)| song(TITLES[*title])).collect())
            .collect();
        let all: Vec<Song> = nodes.concat();
        // From any place, also one that no page ended at.
        let mut asked = query(text, limit, start.map(|(class, title)| {
            let key = query(text, 1, None).song_key(&song(TITLES[title]));
            Cursor::behind(key.unwrap_or_else(|| crate::SortKey::new(class * 1000, "m".into(), [7; 32])))
        }));
        let mut seen: Vec<SongId> = Vec::new();
        loop {
            let pages = nodes.iter().map(|songs| asked.page(songs.clone())).collect();
            let (merged, right) = (asked.merge(pages), asked.page(all.clone()));
            prop_assert_eq!(titles(&merged), titles(&right), "{:?}", asked);
            prop_assert_eq!(&merged.next, &right.next);
            seen.extend(merged.items.iter().map(|entry| entry.id()));
            match merged.next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(count, seen.len());
    }
}

/// A song whose recordings have these tracks, the best one first.
fn interlude(title: &str, tracks: &[(Option<u32>, Option<u32>)]) -> Song {
    let recordings = (0u8..).zip(tracks).map(|(nth, (disc, track))| Recording {
        content: ContentHash::from_bytes([nth + 1; 32]),
        format: Format::Mp3,
        size: 0,
        duration_ms: None,
        bit_rate: Some(320 - u32::from(nth)),
        tags: Tags::new(title, "", "Album")
            .unwrap()
            .with_disc(*disc)
            .with_track(*track),
        has_artwork: false,
        added_at: Default::default(),
        reader: 0,
    });
    Song::from_recordings(recordings.collect()).unwrap()
}

fn contents(page: &Page<Entry>) -> Vec<(SongId, ContentHash)> {
    let one = |entry: &Entry| (entry.id(), entry.recording().content);
    page.items.iter().map(one).collect()
}

fn of_album(sort: Sort, limit: usize, after: Option<Cursor>) -> Query {
    Query {
        album: Some("album".into()),
        sort,
        limit: Limit::new(limit).unwrap(),
        after,
        ..Query::all()
    }
}

#[test]
fn an_album_lists_each_place_that_a_song_has_on_it() {
    let entries = |tracks: &[_]| {
        let entries = Entry::on_album(interlude("Interlude", tracks));
        let number = |entry: &Entry| (entry.tags().track(), entry.pinned().is_some());
        entries.iter().map(number).collect::<Vec<_>>()
    };
    assert_eq!(
        entries(&[(None, Some(7)), (None, Some(2)), (None, Some(7))]),
        [(Some(7), true), (Some(2), true)]
    );
    // One piece in several qualities, as its recordings tell of it.
    assert_eq!(
        entries(&[(None, Some(7)), (Some(1), Some(7))]),
        [(Some(7), false)]
    );
    assert_eq!(entries(&[(None, None), (None, Some(7))]), [(None, false)]);
    assert_eq!(entries(&[(None, None)]), [(None, false)]);
    // Two places, and a better recording of one of them.
    assert_eq!(
        entries(&[(None, None), (None, Some(7)), (Some(2), Some(7))]),
        [(None, true), (Some(7), true)]
    );
}

#[test]
fn other_lists_have_a_song_once() {
    let song = interlude("Interlude", &[(None, Some(7)), (None, Some(2))]);
    for query in [Query::all(), query("interlude", 9, None)] {
        assert_eq!(query.page([song.clone()]).items, [Entry::of(song.clone())]);
    }
}

#[test]
fn an_entry_of_a_recording_that_is_not_there_is_refused() {
    let song = interlude("Interlude", &[(None, Some(7)), (None, Some(2))]);
    let [first, _] = &Entry::on_album(song)[..] else {
        panic!("two entries");
    };
    let mut json = serde_json::to_value(first).unwrap();
    assert_eq!(
        &serde_json::from_value::<Entry>(json.clone()).unwrap(),
        first
    );
    json["recording"] = "77".repeat(32).into();
    assert!(serde_json::from_value::<Entry>(json).is_err());
}

proptest! {
    #[test]
    fn machines_together_give_the_entries_that_are_defined(
        known in prop::collection::vec((0usize..3, 0usize..5, 0u8..8), 0..24),
        sort in prop::sample::select(vec![Sort::Relevance, Sort::Album, Sort::Newest, Sort::Random(7)]),
        limit in 1usize..4,
    ) {
        // Each song has the same title at five places.
        let one = |title: usize, nth: usize| {
            let song = interlude(["Interlude", "Intro", "Outro"][title], &[
                (None, Some(2)), (None, Some(7)), (Some(2), Some(2)), (None, Some(9)), (Some(1), Some(5)),
            ]);
            Song::new(song.recordings()[nth].clone())
        };
        let nodes: Vec<Vec<Song>> = (0..3)
            .map(|node| known.iter().filter(|(.., nodes)| nodes >> node & 1 == 1).map(|(title, nth, _)| one(*title, *nth)).collect())
            .collect();
        let all: Vec<Song> = nodes.concat();
        let mut asked = of_album(sort, limit, None);
        let mut seen = Vec::new();
        loop {
            let pages = nodes.iter().map(|songs| asked.page(songs.clone())).collect();
            let merged = asked.merge(pages);
            let right = of_album(sort, 500, asked.after.clone()).page(all.clone());
            // A page may be short, but leaves nothing out.
            prop_assert_eq!(contents(&merged), &contents(&right)[..merged.items.len()]);
            seen.extend(contents(&merged));
            match merged.next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(seen, contents(&of_album(sort, 500, None).page(all)));
    }
}

#[test]
fn pages_together_are_partial_where_one_of_them_is() {
    let query = Query::all();
    let whole = query.page([song("Alder")]);
    assert_eq!(whole.partial, None);
    let lacks = |name: &str| Page {
        partial: Some(Partial::new([name.to_owned()])),
        ..query.page([song("Birch")])
    };
    let page = query.merge(vec![whole.clone(), whole.clone()]);
    assert_eq!(page.partial, None);
    let page = query.merge(vec![lacks("a"), whole, lacks("b"), lacks("a")]);
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.partial.unwrap().missing(), ["a", "b"]);
}
