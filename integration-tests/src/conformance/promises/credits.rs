//! Songs of several artists and genres, and albums under the artist of the album.
//!
//! The right answers are those of the definitions over the songs that were added; here is what those songs
//! must be, and that each of their names leads to them.

use kadenza_contract::{Browse, GroupKind, Limit, MusicServiceExt, Query, Sort, Stated, Tags};

use crate::conformance::{Ground, Promise, Verdict, promise::promise, verdict::ensure};
use crate::fixtures::{AudioFile, Kind, More};

pub(super) const PROMISES: &[Promise] = &[
    promise!(every_artist_and_genre_of_a_file_counts),
    promise!(songs_by_others_together_are_other_songs),
    promise!(an_album_stands_under_the_artist_of_the_album),
    promise!(artists_of_albums_and_composers_are_found),
    promise!(lyrics_are_those_of_the_file),
];

/// Kinds of files that know several values.
const KINDS: [Kind; 3] = [Kind::WavId3, Kind::Flac, Kind::Mp3];

async fn every_artist_and_genre_of_a_file_counts(on: &Ground) -> Verdict {
    for (n, kind) in KINDS.into_iter().enumerate() {
        let artists = [
            on.artist(),
            format!("Simon & Garfunkel {} {n}", on.word()),
            format!("AC/DC; {} {n}", on.word()),
        ];
        let genres = [
            format!("Hip-Hop/Rap {}{n}", on.word()),
            format!("Jazz {}{n}", on.word()),
        ];
        let file = AudioFile {
            kind,
            genre: genres[0].clone(),
            ..on.file(&format!("Together {n}"))
        };
        let file = file
            .with(More::Artist, &artists[1])
            .with(More::Artist, &artists[2])
            .with(More::Genre, &genres[1]);
        let song = on.send(file.bytes(), Stated::default()).await?.song;
        on.remember(song.clone());
        let tags = song.tags();
        let same = |names: &kadenza_contract::Names, right: &[String]| names.values().eq(right);
        ensure!(
            same(tags.artists(), &artists) && same(tags.genres(), &genres),
            "{file:?} should be by {artists:?} in {genres:?}, and became {tags:?}"
        );
        ensure!(
            tags.artist() == artists.join(", ") && tags.genre() == Some(&genres.join(", ")),
            "the values of {tags:?} should be shown in one text"
        );
        on.is_there(&song, &file.bytes()).await?;
        for artist in &artists {
            let query = Query {
                artist: Some(artist.to_uppercase()),
                ..Query::all()
            };
            on.page_is_right(&query).await?;
            on.page_is_right(&Query::words(artist)?).await?;
            let found = on.service().search_all(&query).await?;
            ensure!(found.iter().any(|hit| *hit == song), "{artist} has no song");
        }
        for genre in &genres {
            let query = Query {
                genre: Some(genre.clone()),
                ..Query::all()
            };
            on.page_is_right(&query).await?;
        }
        // Browsing the songs of one artist lists all who are with them.
        let mut of_kinds = [
            (GroupKind::Artist, &artists[..]),
            (GroupKind::Genre, &genres[..]),
        ];
        for (kind, right) in &mut of_kinds {
            let browse = Browse {
                artist: Some(artists[1].clone()),
                limit: Limit::new(100)?,
                ..Browse::all(*kind)
            };
            let page = on.service().browse(&browse).await?;
            let mut names: Vec<_> = page.items.iter().map(|group| &group.name).collect();
            names.sort_unstable();
            let mut right: Vec<_> = right.iter().collect();
            right.sort_unstable();
            ensure!(
                names == right,
                "{browse:?} should list {right:?}, and lists {names:?}"
            );
        }
    }
    Ok(())
}

async fn songs_by_others_together_are_other_songs(on: &Ground) -> Verdict {
    let [main, one, two] =
        ["Main", "Guest One", "Guest Two"].map(|name| format!("{name} {}", on.word()));
    let stated = |artists: &[&String]| Stated {
        artists: artists.iter().map(|artist| (*artist).clone()).collect(),
        ..Stated::default()
    };
    let in_one = format!("{main}, {one}");
    let file = on.file("The same title");
    let mut ids = Vec::new();
    for artists in [
        &[&main, &one][..],
        &[&main, &two],
        &[&one, &main],
        &[&in_one],
        &[&main],
    ] {
        let song = on.send(file.bytes(), stated(artists)).await?.song;
        let tags = Tags::new(&file.title, "", &file.album)?;
        let names = artists.iter().map(|artist| artist.as_str());
        let right = tags
            .with_artists(kadenza_contract::Names::new(names))
            .song_id();
        ensure!(song.id() == right, "{artists:?} gave {:?}", song.tags());
        ensure!(!ids.contains(&right), "{artists:?} is no song of its own");
        ids.push(right);
        on.is_there(&song, &file.bytes()).await?;
    }
    Ok(())
}

async fn an_album_stands_under_the_artist_of_the_album(on: &Ground) -> Verdict {
    let album = |name: &str| format!("{name} {}", on.word());
    let artist = |n: usize| format!("Artist {n} {}", on.word());
    let (hits, own, guests) = (album("Hits"), album("Own"), album("Guests"));
    for n in 0..3 {
        // Various by its words, and by its flag.
        let named = AudioFile::named(&format!("Various {n}"), &artist(n), &hits);
        let various = ["Various Artists", "VA", "various artists"][n];
        on.add(&named.with(More::AlbumArtist, various)).await?;
        let flagged = AudioFile::named(&format!("Flagged {n}"), &artist(n), &own);
        on.add(&flagged.with(More::Compilation, "1")).await?;
        // One artist with guests; the last track was added first, and only the second has a cover.
        let file = AudioFile {
            track: Some(9 - n as u32),
            disc: Some(1),
            cover: (n == 1).then(|| crate::fixtures::cover(7, 10, 10)),
            ..AudioFile::named(&format!("Guest {n}"), &artist(n), &guests)
        };
        on.add(&file.with(More::AlbumArtist, artist(0))).await?;
    }
    let last = AudioFile {
        track: Some(1),
        disc: Some(2),
        cover: Some(crate::fixtures::cover(7, 10, 10)),
        ..AudioFile::named("A second disc", &artist(2), &guests)
    };
    on.add(&last.with(More::AlbumArtist, artist(0))).await?;

    let browse = |artist: String| Browse {
        artist: Some(artist),
        limit: Limit::new(100).unwrap_or_default(),
        ..Browse::all(GroupKind::Album)
    };
    // Their albums, and those on which they appear.
    for n in 0..3 {
        let browse = browse(artist(n));
        let right = browse.page(&on.songs()).items;
        let page = on.service().browse(&browse).await?.items;
        let told = |groups: &[kadenza_contract::Group]| -> Vec<(String, Option<String>)> {
            groups
                .iter()
                .map(|group| (group.name.clone(), group.artist.clone()))
                .collect()
        };
        ensure!(
            told(&page) == told(&right),
            "{browse:?} should give {:?}, and gives {:?}",
            told(&right),
            told(&page)
        );
        ensure!(
            page.len() == 3,
            "{} should have or be on 3 albums: {:?}",
            artist(n),
            told(&page)
        );
        let of_guests = page.iter().find(|group| group.name == guests);
        let under = of_guests.and_then(|group| group.artist.clone());
        ensure!(under == Some(artist(0)), "{guests} stands under {under:?}");
    }
    for name in [&hits, &own, &guests] {
        let query = Query {
            album: Some(name.clone()),
            sort: Sort::Album,
            ..Query::all()
        };
        on.page_is_right(&query).await?;
    }
    let of_guests = browse(artist(0));
    let right = of_guests.page(&on.songs()).items;
    crate::conformance::ground::eventually(|| async {
        let page = on.service().browse(&of_guests).await?.items;
        ensure!(
            page == right,
            "{of_guests:?} should give {right:?}, and gives {page:?}"
        );
        Ok(())
    })
    .await
}

async fn artists_of_albums_and_composers_are_found(on: &Ground) -> Verdict {
    let file = on.file("Aria");
    let file = file
        .with(More::AlbumArtist, format!("Orchestra {}", on.word()))
        .with(More::Composer, format!("Händel {}", on.word()))
        .with(More::Composer, format!("Strozzi {}", on.word()));
    let song = on.add(&file).await?;
    for words in ["orchestra", "haendel", "stroz", "Aria Händel orch"] {
        let query = Query::words(&format!("{words} {}", on.word()))?;
        let found = on.service().search_all(&query).await?;
        ensure!(
            found.iter().any(|hit| hit.id() == song.id()),
            "{words:?} does not find {:?}",
            song.tags()
        );
    }
    Ok(())
}

async fn lyrics_are_those_of_the_file(on: &Ground) -> Verdict {
    let mut ids = Vec::new();
    for (n, kind) in KINDS.into_iter().enumerate() {
        let text = format!("[00:0{n}.50]La la {}\n[00:09.00]lö", on.word());
        let file = AudioFile {
            kind,
            ..on.file(&format!("Sung {n}"))
        };
        let song = on.add(&file.with(More::Lyrics, &text)).await?;
        let found = on.service().lyrics(&song.id()).await?;
        let right = kadenza_contract::Lyrics::of(&text);
        ensure!(found == right, "{kind:?}: {found:?} instead of {right:?}");
        ids.push(song.id());
    }
    let silent = on.add(&on.file("Not sung")).await?.id();
    let unknown = kadenza_contract::SongId::from_bytes([7; 32]);
    for id in [silent, unknown] {
        let found = on.service().lyrics(&id).await?;
        ensure!(
            found.is_none(),
            "there are lyrics where there are none: {found:?}"
        );
    }
    Ok(())
}
