//! The calls for a layer that spreads songs over machines: replicas in chunks, cards without
//! audio, and letting go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{files, new_song, open, upload, wav};
use futures_util::{StreamExt, stream};
use kadenza_contract::{
    Browse, Chunks, ContentHash, Error, GroupKind, MusicService, MusicServiceExt, NewSong, Outcome,
    Query, Song, Stated,
};
use kadenza_library::{Library, LibraryConfig, Receipt, Receiving, Staged};

async fn staged(library: &Library, bytes: &Bytes) -> Staged {
    library.stage(new_song(bytes)).await.unwrap()
}

async fn receiving(library: &Library, song: &Song, chunks: &Chunks) -> Receiving {
    match library.receive(song.clone(), chunks.clone()).await.unwrap() {
        Receipt::Receiving(receiving) => receiving,
        Receipt::Held => panic!("the audio is not there yet"),
    }
}

async fn send(staged: &Staged, receiving: &Receiving) {
    for index in (0..staged.chunks().len()).rev() {
        let bytes = staged.read_chunk(index).await.unwrap();
        receiving.write_chunk(index, bytes).await.unwrap();
    }
}

#[tokio::test]
async fn a_staged_upload_is_read_in_pieces_and_committed_or_gone() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Staged", "", "", 40, 1);
    let upload = staged(&library, &bytes).await;
    assert_eq!(upload.chunks().content(), ContentHash::of(&bytes));
    let mut all = Vec::new();
    for index in 0..upload.chunks().len() {
        all.extend_from_slice(&upload.read_chunk(index).await.unwrap());
    }
    assert_eq!(all, bytes);
    assert!(upload.read_chunk(upload.chunks().len()).await.is_err());
    let id = upload.song().id();
    assert_eq!(library.card(&id).await.unwrap(), None);
    drop(upload);
    assert!(files(&directory).is_empty());
    let added = staged(&library, &bytes).await.commit().await.unwrap();
    assert_eq!((added.song.id(), added.outcome), (id, Outcome::Added));
}

#[tokio::test]
async fn a_replica_arrives_in_any_order_and_at_the_same_time() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (source, target) = (open(&here).await, open(&there).await);
    let bytes = wav("Replica", "Someone", "", 100, 1);
    let upload = staged(&source, &bytes).await;
    let receiving = Arc::new(receiving(&target, upload.song(), upload.chunks()).await);
    assert_eq!(receiving.missing().len(), upload.chunks().len());
    // Not before everything is there.
    assert!(matches!(
        receiving.commit().await,
        Err(Error::Invalid { .. })
    ));
    let count = upload.chunks().len();
    let writes = (0..count).rev().chain(0..count).map(|index| {
        let (upload, receiving) = (&upload, Arc::clone(&receiving));
        async move {
            let bytes = upload.read_chunk(index).await.unwrap();
            receiving.write_chunk(index, bytes).await.unwrap();
        }
    });
    stream::iter(writes)
        .buffer_unordered(8)
        .collect::<Vec<_>>()
        .await;
    let generation = target.generation();
    Arc::clone(&receiving).commit().await.unwrap();
    assert_ne!(target.generation(), generation);
    let id = upload.song().id();
    assert_eq!(
        target.song(&id).await.unwrap().as_ref(),
        Some(upload.song())
    );
    assert_eq!(target.audio_bytes(&id).await.unwrap(), Some(bytes));
    assert_eq!(
        target
            .chunks(&upload.chunks().content())
            .await
            .unwrap()
            .as_ref(),
        Some(upload.chunks())
    );
    assert!(receiving.commit().await.is_err());
}

#[tokio::test]
async fn a_forged_piece_is_refused_and_the_right_one_still_taken() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (source, target) = (open(&here).await, open(&there).await);
    let upload = staged(&source, &wav("Forged", "", "", 40, 1)).await;
    let receiving = receiving(&target, upload.song(), upload.chunks()).await;
    let right = upload.read_chunk(1).await.unwrap();
    let mut wrong = right.to_vec();
    wrong[0] ^= 1;
    for (index, bytes) in [
        (1, wrong.into()),
        (0, right.clone()),
        (9, right.clone()),
        (1, Bytes::new()),
    ] {
        let refused = receiving.write_chunk(index, bytes).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    send(&upload, &receiving).await;
    receiving.commit().await.unwrap();
    // A song that does not have the recording.
    let other = staged(&source, &wav("Other", "", "", 1, 2)).await;
    let refused = target
        .receive(other.song().clone(), (**upload.chunks()).clone())
        .await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn a_replica_given_up_leaves_nothing() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (source, target) = (open(&here).await, open(&there).await);
    let upload = staged(&source, &wav("Given up", "", "", 40, 1)).await;
    let receiving = receiving(&target, upload.song(), upload.chunks()).await;
    receiving
        .write_chunk(0, upload.read_chunk(0).await.unwrap())
        .await
        .unwrap();
    drop(receiving);
    assert!(files(&there).is_empty());
    assert_eq!(target.card(&upload.song().id()).await.unwrap(), None);
}

#[tokio::test]
async fn recordings_of_two_machines_become_one_song() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (left, right) = (open(&here).await, open(&there).await);
    let one = upload(&left, wav("Twice", "", "", 30, 1))
        .await
        .unwrap()
        .song;
    let two = staged(&right, &wav("Twice", "", "", 40, 2)).await;
    let receiving = receiving(&left, two.song(), two.chunks()).await;
    send(&two, &receiving).await;
    receiving.commit().await.unwrap();
    let mut both = one.clone();
    both.merge(two.song());
    assert_eq!(left.song(&one.id()).await.unwrap(), Some(both.clone()));
    assert_eq!(left.card(&one.id()).await.unwrap().unwrap().held.len(), 2);
    // A replica of audio that is here needs nothing, and still brings what is known elsewhere.
    let right_knows = two.commit().await.unwrap().song;
    let chunks = right
        .chunks(&right_knows.best().content)
        .await
        .unwrap()
        .unwrap();
    let receipt = right
        .receive(both.clone(), (*chunks).clone())
        .await
        .unwrap();
    assert!(matches!(receipt, Receipt::Held));
    assert_eq!(right.song(&one.id()).await.unwrap(), Some(both.clone()));
    // Where the best one is not held, the best that is plays.
    let held = right.card(&one.id()).await.unwrap().unwrap().held;
    assert_eq!(held, [right_knows.best().content]);
    let audio = right.audio_bytes(&one.id()).await.unwrap().unwrap();
    assert_eq!(ContentHash::of(&audio), held[0]);
    drop(right);
    let right = open(&there).await;
    assert_eq!(right.song(&one.id()).await.unwrap(), Some(both));
}

#[tokio::test]
async fn cards_are_found_among_cards_only_and_survive() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (source, library) = (open(&here).await, open(&there).await);
    let mut songs = Vec::new();
    for n in 0..7 {
        let bytes = wav(&format!("Card {n}"), "Nobody", "Away", 1, n);
        songs.push(upload(&source, bytes).await.unwrap().song);
    }
    library.add_cards(songs.clone()).await.unwrap();
    library.add_cards(songs.clone()).await.unwrap();
    drop(library);
    let library = open(&there).await;
    let counts = library.counts();
    assert_eq!((counts.songs, counts.cards, counts.bytes), (0, 7, 0));
    let (query, browse) = (Query::words("card").unwrap(), Browse::all(GroupKind::Album));
    assert!(library.search(&query).await.unwrap().items.is_empty());
    assert!(library.browse(&browse).await.unwrap().items.is_empty());
    assert_eq!(library.song(&songs[0].id()).await.unwrap(), None);
    assert_eq!(
        library.search_cards(&query).await.unwrap(),
        query.page(songs.clone())
    );
    assert_eq!(
        library.browse_cards(&browse).await.unwrap(),
        browse.page(&songs)
    );
    // A sweep in the order of ids.
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let cards = library.cards_after(after, 3).await.unwrap();
        let Some(last) = cards.last() else { break };
        after = Some(last.song.id());
        seen.extend(cards.into_iter().map(|card| card.song));
    }
    songs.sort_by_key(Song::id);
    assert_eq!(seen, songs);
    library.drop_card(&songs[0].id()).await.unwrap();
    library.drop_card(&songs[0].id()).await.unwrap();
    assert_eq!(library.counts().cards, 6);
    assert_eq!(
        library.search_cards(&query).await.unwrap(),
        query.page(songs[1..].to_vec())
    );
}

#[tokio::test]
async fn audio_of_two_songs_goes_with_the_last_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("One", "", "", 1, 1);
    let one = upload(&library, bytes.clone()).await.unwrap().song;
    let stated = kadenza_contract::Stated {
        title: Some("Two".into()),
        ..Default::default()
    };
    let two = library
        .upload_bytes(bytes.clone(), stated)
        .await
        .unwrap()
        .song;
    let content = one.best().content;
    library.drop_audio(&one.id(), &content).await.unwrap();
    assert_eq!(library.song(&one.id()).await.unwrap(), None);
    assert_eq!(
        library.audio_bytes(&two.id()).await.unwrap(),
        Some(bytes.clone())
    );
    library.drop_card(&two.id()).await.unwrap();
    assert!(files(&directory).is_empty());
    assert_eq!(library.counts().bytes, 0);
    assert_eq!(library.read(&content, 0..1).await.unwrap(), None);
    assert_eq!(library.chunks(&content).await.unwrap(), None);
    // And it can come back.
    assert_eq!(
        upload(&library, bytes).await.unwrap().outcome,
        Outcome::Added
    );
}

#[tokio::test]
async fn reading_is_bounded_and_cut_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Read", "", "", 100, 1);
    let content = upload(&library, bytes.clone())
        .await
        .unwrap()
        .song
        .best()
        .content;
    let size = bytes.len() as u64;
    for _ in 0..2 {
        for (start, end) in [
            (0, 1),
            (1, 1 << 20),
            (262_143, 786_433),
            (size - 5, size + 5),
        ] {
            let read = library.read(&content, start..end).await.unwrap().unwrap();
            assert_eq!(read, bytes[start as usize..end.min(size) as usize]);
        }
    }
    let refused = library.read(&content, 0..(1 << 20) + 1).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let refused = library.read(&content, size..size + 1).await;
    assert!(matches!(refused, Err(Error::Range { .. })));
}

#[tokio::test]
async fn slow_uploads_keep_nobody_from_his_turn() {
    let directory = tempfile::tempdir().unwrap();
    let config = LibraryConfig {
        patience: Duration::from_millis(500),
        disk_reserve_bytes: 0,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await.unwrap();
    // As many as may be under way, each of which sends a byte and then nothing.
    let slow = (0..64).map(|_| {
        let first = stream::iter([Ok(Bytes::from_static(b"R"))]);
        let audio = first.chain(stream::pending()).boxed();
        let stated = Stated::default();
        let library = library.clone();
        tokio::spawn(async move { library.upload(NewSong { stated, audio }).await })
    });
    let slow: Vec<_> = slow.collect();
    tokio::task::yield_now().await;
    let honest = library.upload(new_song(&wav("Honest", "", "", 1, 1))).await;
    assert_eq!(honest.unwrap().outcome, Outcome::Added);
    for upload in slow {
        assert!(!upload.is_finished());
        upload.abort();
    }
}

#[tokio::test]
async fn a_staged_upload_counts_until_it_is_committed_or_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let config = LibraryConfig {
        uploads_max: 1,
        patience: Duration::from_millis(50),
        disk_reserve_bytes: 0,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await.unwrap();
    let song = |n: u64| new_song(&wav(&format!("Song {n}"), "", "", 1, n));
    let first = library.stage(song(1)).await.unwrap();
    let refused = library.stage(song(2)).await;
    assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    let refused = library.upload(song(2)).await;
    assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    first.commit().await.unwrap();
    drop(library.stage(song(2)).await.unwrap());
    library.upload(song(3)).await.unwrap();
}
