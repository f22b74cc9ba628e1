//! Browsing, and what is said of lists that may lack something. A right answer is [`Browse::page`] over all songs
//! there are, but for the counts, which may lag behind for a while.

use kadenza_contract::{Browse, Group, GroupKind, Limit, Page, Partial, Query};

use crate::conformance::{
    Broken, Ground, Machines, Promise, Verdict, ground::eventually, promise::promise,
    verdict::ensure,
};
use crate::fixtures::AudioFile;

pub(super) const PROMISES: &[Promise] = &[
    promise!(an_empty_service_has_no_groups on an empty service),
    promise!(groups_are_those_that_the_songs_form on an empty service),
    promise!(the_groups_of_an_artist_or_a_genre_are_theirs),
    promise!(the_counts_of_groups_catch_up),
    promise!(groups_come_in_pages on an empty service),
    promise!(a_whole_list_is_not_called_partial on an empty service),
    promise!(a_list_that_may_lack_something_says_so on an empty service),
];

const KINDS: [GroupKind; 3] = [GroupKind::Artist, GroupKind::Album, GroupKind::Genre];

async fn an_empty_service_has_no_groups(on: &Ground) -> Verdict {
    for kind in KINDS {
        let page = on.service().browse(&Browse::all(kind)).await?;
        ensure!(
            page.items.is_empty() && page.next.is_none(),
            "a service to which nothing was uploaded has the groups {page:?}"
        );
    }
    Ok(())
}

/// Songs of several artists, albums and genres; some have no album, no genre or no artist.
async fn add_various(on: &Ground) -> Verdict {
    for n in 0..18 {
        let file = AudioFile {
            genre: ["Rock", "rock", "", "Jazz", "Ärzte-Pop"][n % 5].into(),
            year: (n % 3 != 0).then_some(1980 + n as u32),
            audio_bytes: 2000 + 400 * n,
            ..AudioFile::named(
                &format!("Song {n}"),
                &["Queen", "QUEEN", "ärzte", "Zappa", "", "abba"][n % 6]
                    .to_owned()
                    .replace("Zappa", &on.artist()),
                ["Greatest Hits", "", "greatest  hits", "Ünder"][n / 2 % 4],
            )
        };
        on.add(&file).await?;
    }
    Ok(())
}

/// Compares what may not lag: which groups there are, in which order, and whether more follow.
fn same_groups(browse: &Browse, page: &Page<Group>, right: &Page<Group>) -> Verdict {
    let keys = |page: &Page<Group>| -> Vec<_> {
        page.items.iter().map(|group| browse.key(group)).collect()
    };
    let names = |page: &Page<Group>| -> Vec<(String, Option<String>)> {
        let groups = page.items.iter();
        groups
            .map(|group| (group.name.clone(), group.artist.clone()))
            .collect()
    };
    ensure!(
        keys(page) == keys(right),
        "{browse:?} should give the groups {:?}, and gave {:?}",
        names(right),
        names(page)
    );
    ensure!(
        page.next.is_some() == right.next.is_some(),
        "{browse:?} gave a page whose next is {:?}, where that of a right one is {:?}",
        page.next,
        right.next
    );
    Ok(())
}

async fn groups_are_right(on: &Ground, browse: &Browse) -> Verdict {
    let right = browse.page(&on.songs());
    let page = on.service().browse(browse).await?;
    same_groups(browse, &page, &right)?;
    eventually(|| async {
        let page = on.service().browse(browse).await?;
        ensure!(
            page.items == right.items,
            "{browse:?} should give {:?}, and gives {:?}",
            right.items,
            page.items
        );
        Ok(())
    })
    .await
}

async fn groups_are_those_that_the_songs_form(on: &Ground) -> Verdict {
    add_various(on).await?;
    for kind in KINDS {
        groups_are_right(on, &Browse::all(kind)).await?;
    }
    Ok(())
}

async fn the_groups_of_an_artist_or_a_genre_are_theirs(on: &Ground) -> Verdict {
    let (mine, other) = (on.artist(), format!("Other {}", on.word()));
    let genre = format!("Genre {}", on.word());
    for n in 0..8 {
        let file = AudioFile {
            genre: [genre.as_str(), "Pop"][n % 2].into(),
            ..AudioFile::named(
                &format!("Song {n}"),
                [&mine, &other][n / 4],
                &format!("Album {} {}", n % 3, on.word()),
            )
        };
        on.add(&file).await?;
    }
    for kind in KINDS {
        for (artist, genre) in [
            (Some(mine.to_uppercase()), None),
            (Some(other.clone()), None),
            (None, Some(genre.to_uppercase())),
            (Some(mine.clone()), Some(genre.clone())),
            (Some(format!("Nobody {}", on.word())), None),
        ] {
            let limit = Limit::new(100)?;
            groups_are_right(
                on,
                &Browse {
                    artist,
                    genre,
                    limit,
                    ..Browse::all(kind)
                },
            )
            .await?;
        }
    }
    Ok(())
}

async fn the_counts_of_groups_catch_up(on: &Ground) -> Verdict {
    let browse = Browse {
        artist: Some(on.artist()),
        ..Browse::all(GroupKind::Album)
    };
    for n in 0..4 {
        on.add(&on.file(&format!("Counted {n}"))).await?;
        groups_are_right(on, &browse).await?;
    }
    // A repeated upload is not counted again.
    on.upload(&on.file("Counted 0")).await?;
    groups_are_right(on, &browse).await
}

async fn groups_come_in_pages(on: &Ground) -> Verdict {
    add_various(on).await?;
    for kind in KINDS {
        for limit in [1, 2, 3, 100] {
            let mut browse = Browse {
                limit: Limit::new(limit)?,
                ..Browse::all(kind)
            };
            for pages in 0.. {
                ensure!(pages < 50, "the pages of {browse:?} do not end");
                groups_are_right(on, &browse).await?;
                match on.service().browse(&browse).await?.next {
                    Some(next) => browse.after = Some(next),
                    None => break,
                }
            }
        }
    }
    Ok(())
}

/// What is said of the lists of everything: of the songs, and of each kind of groups.
async fn said_of_everything(on: &Ground) -> Result<Vec<Option<Partial>>, Broken> {
    let service = on.service();
    let mut said = vec![service.search(&Query::all()).await?.partial];
    for kind in KINDS {
        said.push(service.browse(&Browse::all(kind)).await?.partial);
    }
    Ok(said)
}

async fn a_whole_list_is_not_called_partial(on: &Ground) -> Verdict {
    add_various(on).await?;
    let mut said = said_of_everything(on).await?;
    for words in [on.word(), "nowhere"] {
        let page = on.service().search(&Query::words(words)?).await?;
        said.push(page.partial);
    }
    ensure!(
        said.iter().all(Option::is_none),
        "all is well, and yet something may be missing: {said:?}"
    );
    Ok(())
}

async fn a_list_that_may_lack_something_says_so(on: &Ground) -> Verdict {
    add_various(on).await?;
    if !on.reach(Machines::TooFew).await? {
        return Ok(());
    }
    let said = said_of_everything(on).await?;
    let names = |said: &Option<Partial>| said.as_ref().is_some_and(|of| !of.missing().is_empty());
    ensure!(
        said.iter().all(names),
        "too few machines are within reach, and of the lists is said: {said:?}"
    );
    // Whoever should know these may be away, too; then it is an error.
    if let Ok(page) = on.service().search(&on.mine()).await {
        ensure!(names(&page.partial), "the songs of an artist are {page:?}");
    }
    on.reach(Machines::All).await?;
    eventually(|| async {
        let said = said_of_everything(on).await?;
        ensure!(
            said.iter().all(Option::is_none),
            "all machines are back, and yet something may be missing: {said:?}"
        );
        Ok(())
    })
    .await
}
