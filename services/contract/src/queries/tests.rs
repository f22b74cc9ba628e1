//! Pages of several machines make the page that is defined, whatever each of them knows.

use proptest::prelude::*;

use crate::{
    ContentHash, Cursor, Format, Limit, Page, Query, Recording, Song, SongId, Tags,
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

fn titles(page: &Page<Song>) -> Vec<&str> {
    page.items.iter().map(|song| song.tags().title()).collect()
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
    let last = query("lovely", 1, None).key(&songs[3]).map(Cursor::behind);
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
        let key = best.key(&song("Lovely")).unwrap();
        assert_eq!(key.rank(), rank + 1);
        let by_title = Query {
            sort: crate::Sort::Title,
            ..best
        };
        assert_eq!(by_title.key(&song("Lovely")), None);
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
            let key = query(text, 1, None).key(&song(TITLES[title]));
            Cursor::behind(key.unwrap_or_else(|| crate::SortKey::new(class * 1000, "m".into(), [7; 32])))
        }));
        let mut seen: Vec<SongId> = Vec::new();
        loop {
            let pages = nodes.iter().map(|songs| asked.page(songs.clone())).collect();
            let (merged, right) = (asked.merge(pages), asked.page(all.clone()));
            prop_assert_eq!(titles(&merged), titles(&right), "{:?}", asked);
            prop_assert_eq!(&merged.next, &right.next);
            seen.extend(merged.items.iter().map(Song::id));
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
