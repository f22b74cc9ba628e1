//! Searching. A right answer is [`Query::page`] over all songs there are; nothing less, and nothing
//! more. What the query itself means is tested where it is defined.

use kadenza_contract::{Cursor, Limit, MusicServiceExt, Query, QueryText, Song, Sort};

use crate::conformance::{
    Ground, Promise, Verdict,
    ground::{name_of, told},
    promise::promise,
    verdict::ensure,
};
use crate::fixtures::AudioFile;

pub(super) const PROMISES: &[Promise] = &[
    promise!(no_hits_are_an_empty_page),
    promise!(an_empty_service_has_no_songs on an empty service),
    promise!(every_word_must_be_found),
    promise!(the_beginning_of_a_word_finds_it),
    promise!(accents_and_case_do_not_matter),
    promise!(what_fits_best_comes_first),
    promise!(each_sort_has_its_order),
    promise!(filters_take_exactly_what_they_name),
    promise!(every_song_is_listed_where_nothing_is_asked_for on an empty service),
    promise!(pages_in_a_row_give_every_song_once),
    promise!(a_list_goes_on_from_any_place),
    promise!(songs_added_meanwhile_do_not_disturb_the_pages),
];

/// Every order.
pub(super) const SORTS: [Sort; 8] = [
    Sort::Relevance,
    Sort::Title,
    Sort::Artist,
    Sort::Album,
    Sort::Newest,
    Sort::Year,
    Sort::Random(0),
    Sort::Random(u32::MAX),
];

/// Songs whose words overlap in every way that the order of hits knows.
async fn add_overlapping(on: &Ground) -> Verdict {
    let word = on.word();
    for (title, artist, album) in [
        ("Love", "A", "B"),
        ("Love Song", "Cure", "Disintegration"),
        ("Love Song for No One", "Mayer", "Room"),
        ("Lovesong", "Cure", "Disintegration"),
        ("A Song of Love", "Zed", "Early"),
        ("Crazy Little Thing", "Love", "Arthur"),
        ("Alone Again", "Love Song", "Forever"),
        ("Emotions", "Song & Love", "Mixed"),
        ("Yesterday", "Fab", "Love Song"),
        ("Help", "Love", "Songs"),
        ("Glove Songs", "Fab", "Lovers"),
        ("Élőve", "Lövé", "Ünnep"),
        ("LOVE!", "AC/DC", "Simon & Garfunkel"),
        ("Don't Love", "P!nk", "東京 Nights"),
    ] {
        // The ground's word stands in the artist or in the album, so that both orders of fields occur.
        let file = if title.len() % 2 == 0 {
            AudioFile::named(title, &format!("{artist} {word}"), album)
        } else {
            AudioFile::named(title, artist, &format!("{album} {word}"))
        };
        on.add(&file).await?;
    }
    Ok(())
}

/// A query for these words in the songs of this ground.
fn of_ground(on: &Ground, words: &str) -> kadenza_contract::Result<Query> {
    Query::words(&format!("{words} {}", on.word()))
}

async fn no_hits_are_an_empty_page(on: &Ground) -> Verdict {
    on.add(&on.file("There")).await?;
    for query in [
        of_ground(on, "absent")?,
        Query::words(&format!("{}absent", on.word()))?,
        Query {
            artist: Some(format!("{} absent", on.word())),
            ..Query::all()
        },
        Query {
            genre: Some("Absent".into()),
            ..on.mine()
        },
        // Nothing that could be looked for fits no song.
        Query::words("\u{200b}")?,
    ] {
        let page = on.service().search(&query).await?;
        ensure!(
            page.items.is_empty() && page.next.is_none(),
            "{} has no hits, and gave {page:?}",
            told(&query)
        );
    }
    Ok(())
}

async fn an_empty_service_has_no_songs(on: &Ground) -> Verdict {
    for sort in SORTS {
        let query = Query {
            sort,
            ..Query::all()
        };
        let page = on.service().search(&query).await?;
        ensure!(
            page.items.is_empty() && page.next.is_none(),
            "a service to which nothing was uploaded gave {page:?}"
        );
    }
    Ok(())
}

async fn every_word_must_be_found(on: &Ground) -> Verdict {
    add_overlapping(on).await?;
    for words in [
        "love",
        "song love",
        "love song cure",
        "love yesterday",
        "love cure fab",
        "ove",
    ] {
        let query = of_ground(on, words)?;
        let hits = on.service().search_all(&query).await?;
        let right: Vec<Song> = on
            .songs()
            .into_iter()
            .filter(|song| query.song_key(song).is_some())
            .collect();
        for song in &hits {
            ensure!(
                right.contains(song),
                "{words:?} found {}, which does not have every word",
                name_of(song)
            );
        }
        for song in &right {
            ensure!(
                hits.iter().any(|hit| hit == song),
                "{words:?} did not find {}",
                name_of(song)
            );
        }
    }
    Ok(())
}

async fn the_beginning_of_a_word_finds_it(on: &Ground) -> Verdict {
    let song = on.add(&on.file("Constantinople Nights")).await?;
    on.add(&on.file("Unrelated")).await?;
    for end in 1.."constantinople".len() {
        on.page_is_right(&of_ground(on, &"constantinople"[..end])?)
            .await?;
    }
    // Also the ground's own word, alone.
    for end in 4..=on.word().len() {
        let query = Query {
            artist: Some(on.artist()),
            ..Query::words(&on.word()[..end])?
        };
        let hits = on.service().search_all(&query).await?;
        ensure!(
            hits.iter().any(|hit| *hit == song),
            "{} did not find {}",
            told(&query),
            name_of(&song)
        );
    }
    Ok(())
}

async fn accents_and_case_do_not_matter(on: &Ground) -> Verdict {
    for title in [
        "Megtört Álom",
        "Vérmocsár",
        "Røyksopp Straße",
        "Ångström",
        "Ezer Év",
        "ﬁne",
    ] {
        on.add(&on.file(title)).await?;
    }
    for words in [
        "megtort alom",
        "MEGTÖRT",
        "vermocs",
        "VÉRMOCSÁR",
        "royksopp strasse",
        "angstro\u{308}m",
        "ezer ev",
        "FINE",
    ] {
        let query = of_ground(on, words)?;
        let hits = on.service().search(&query).await?;
        ensure!(hits.items.len() == 1, "{words:?} found {:?}", hits.items);
        on.page_is_right(&query).await?;
    }
    Ok(())
}

async fn what_fits_best_comes_first(on: &Ground) -> Verdict {
    add_overlapping(on).await?;
    // Titles that are exactly what is typed, and begin with it, the ground's word included.
    for title in ["Love", "Love me", "Song"] {
        on.add(&on.file(&format!("{title} {}", on.word()))).await?;
        on.add(&on.file(&format!("{} {title}", on.word()))).await?;
    }
    for words in [
        "love",
        "lo",
        "l",
        "love song",
        "song love",
        "s l",
        "lov so",
        "song",
        "",
    ] {
        on.page_is_right(&of_ground(on, words)?).await?;
        on.page_is_right(&Query::words(&format!("{} {words}", on.word()))?)
            .await?;
    }
    Ok(())
}

/// Songs that differ in all that a list can be sorted by.
async fn add_various(on: &Ground, songs: u32) -> Verdict {
    for n in 0..songs {
        let file = AudioFile {
            genre: ["Rock", "", "Szimfonikus metál", "rock"][n as usize % 4].into(),
            track: (n % 3 != 0).then_some(n % 5 + 1),
            disc: (n % 2 == 0).then_some(n % 3 + 1),
            year: (n % 4 != 1).then_some(1990 + n * 7 % 11),
            ..AudioFile::named(
                &format!(
                    "{} {n}",
                    ["Zebra", "älter", "Abc", "ABC", "the End"][n as usize % 5]
                ),
                &format!("{} {}", ["Q", "Ärzte", "b"][n as usize % 3], on.word()),
                ["Gold", "Silver", "", "gold"][n as usize / 2 % 4],
            )
        };
        on.add(&file).await?;
    }
    Ok(())
}

async fn each_sort_has_its_order(on: &Ground) -> Verdict {
    add_various(on, 24).await?;
    for sort in SORTS {
        for limit in [5, 24, 500] {
            let query = Query {
                sort,
                limit: Limit::new(limit)?,
                ..of_ground(on, "")?
            };
            on.page_is_right(&query).await?;
        }
    }
    Ok(())
}

async fn filters_take_exactly_what_they_name(on: &Ground) -> Verdict {
    add_various(on, 24).await?;
    let (artist, album, genre) = (format!("ärzte {}", on.word()), "GOLD", "ROCK");
    let text = QueryText::new(on.word())?;
    for (by_artist, by_album, by_genre) in [
        (true, false, false),
        (false, true, false),
        (false, false, true),
        (true, true, false),
        (true, false, true),
        (false, true, true),
        (true, true, true),
    ] {
        for words in [None, Some(text.clone())] {
            if words.is_none() && !by_artist {
                continue;
            }
            for sort in SORTS {
                let query = Query {
                    text: words.clone(),
                    artist: by_artist.then(|| artist.clone()),
                    album: by_album.then(|| album.into()),
                    genre: by_genre.then(|| genre.into()),
                    sort,
                    ..Query::all()
                };
                on.page_is_right(&query).await?;
            }
        }
    }
    // The songs that have none.
    for query in [
        Query {
            album: Some(String::new()),
            ..of_ground(on, "")?
        },
        Query {
            genre: Some(String::new()),
            ..of_ground(on, "")?
        },
        // A part of a name is not the name.
        Query {
            artist: Some("ärzte".into()),
            ..of_ground(on, "")?
        },
    ] {
        on.page_is_right(&query).await?;
    }
    Ok(())
}

async fn every_song_is_listed_where_nothing_is_asked_for(on: &Ground) -> Verdict {
    add_various(on, 25).await?;
    for sort in SORTS {
        let query = Query {
            sort,
            limit: Limit::new(500)?,
            ..Query::all()
        };
        on.page_is_right(&query).await?;
        pages_are_right(
            on,
            &Query {
                limit: Limit::new(7)?,
                ..query
            },
        )
        .await?;
    }
    Ok(())
}

/// Every page of a list, followed to its end.
async fn pages_are_right(on: &Ground, query: &Query) -> Verdict {
    let (mut query, mut seen) = (query.clone(), 0);
    let right = on
        .songs()
        .iter()
        .filter(|song| query.song_key(song).is_some())
        .count();
    loop {
        on.page_is_right(&query).await?;
        let page = on.service().search(&query).await?;
        seen += page.items.len();
        ensure!(
            seen <= right,
            "the pages of {} go on behind the last song",
            told(&query)
        );
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    ensure!(
        seen == right,
        "the pages of {} give {seen} of {right} songs",
        told(&query)
    );
    Ok(())
}

async fn pages_in_a_row_give_every_song_once(on: &Ground) -> Verdict {
    add_various(on, 24).await?;
    for sort in SORTS {
        for limit in [1, 2, 7, 23, 24] {
            let query = Query {
                sort,
                limit: Limit::new(limit)?,
                ..of_ground(on, "")?
            };
            pages_are_right(on, &query).await?;
        }
    }
    Ok(())
}

async fn a_list_goes_on_from_any_place(on: &Ground) -> Verdict {
    add_various(on, 12).await?;
    for sort in SORTS {
        let query = Query {
            sort,
            limit: Limit::new(3)?,
            ..of_ground(on, "")?
        };
        let other = Query {
            sort: Sort::Year,
            ..query.clone()
        };
        for song in on.songs() {
            for key in [query.song_key(&song), other.song_key(&song)]
                .into_iter()
                .flatten()
            {
                // As it comes back from a URL.
                let after: Cursor = Cursor::behind(key).to_string().parse()?;
                on.page_is_right(&Query {
                    after: Some(after),
                    ..query.clone()
                })
                .await?;
            }
        }
    }
    Ok(())
}

async fn songs_added_meanwhile_do_not_disturb_the_pages(on: &Ground) -> Verdict {
    add_various(on, 15).await?;
    for (n, sort) in SORTS.into_iter().enumerate() {
        let there: Vec<Song> = on.songs();
        let mut query = Query {
            sort,
            limit: Limit::new(4)?,
            ..of_ground(on, "")?
        };
        let (mut seen, mut added) = (Vec::new(), 0);
        loop {
            let page = on.service().search(&query).await?;
            seen.extend(page.items.iter().map(|entry| entry.id()));
            let Some(next) = page.next else { break };
            query.after = Some(next);
            // Before, among and behind what was seen; a few only, or the pages never end.
            if added < 3 {
                let title = ["0", "m", "zz"][added];
                let title = format!("{title} {n}");
                on.add(&AudioFile::named(&title, &on.artist(), title.trim()))
                    .await?;
                added += 1;
            }
        }
        for song in there {
            let times = seen.iter().filter(|id| **id == song.id()).count();
            ensure!(
                times == 1,
                "{} came {times} times in the pages of {} while songs were added",
                name_of(&song),
                told(&query)
            );
        }
    }
    Ok(())
}
