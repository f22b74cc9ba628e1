//! Uploading to one node, and finding and hearing the song through every other.

use bytes::Bytes;
use futures_util::TryStreamExt;
use kadenza_contract::{
    AudioRequest, ContentHash, Error, MusicService, MusicServiceExt, Outcome, Query, Recording,
    Song, SongId, Stated,
};

use crate::common::{Cluster, audio_of, eventually, finds_and_plays, start, stated, upload, wav};

#[tokio::test(flavor = "multi_thread")]
async fn a_song_uploaded_to_one_node_is_found_and_heard_through_all() {
    let cluster = Cluster::of(5).await;
    for number in 0..8 {
        let title = format!("Song number{number}");
        let uploaded = upload(&cluster.nodes[number % 5], &title).await.unwrap();
        assert_eq!(uploaded.outcome, Outcome::Added);
        for node in &cluster.nodes {
            finds_and_plays(node, &uploaded.song, &audio_of(&title))
                .await
                .unwrap();
        }
    }
    cluster.all_copies_there(8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_song_is_on_as_many_nodes_as_it_should_and_no_other() {
    let cluster = Cluster::of(7).await;
    for number in 0..10 {
        upload(&cluster.nodes[0], &format!("Title{number}"))
            .await
            .unwrap();
    }
    cluster.all_copies_there(10).await;
    let status = cluster.nodes[3].status().await.unwrap();
    assert_eq!(
        status.nodes.iter().map(|node| node.songs).sum::<u64>(),
        30,
        "{status:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_song_again_is_there_already_whichever_node_is_asked() {
    let cluster = Cluster::of(4).await;
    let first = upload(&cluster.nodes[0], "Again").await.unwrap();
    for node in &cluster.nodes {
        let again = node
            .upload_bytes(audio_of("Again"), stated("again "))
            .await
            .unwrap();
        assert_eq!(again.outcome, Outcome::AlreadyThere);
        assert_eq!(again.song, first.song);
    }
    assert_eq!(
        cluster.nodes[2]
            .search_all(&Query::all())
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_audio_of_a_song_is_heard_through_every_node() {
    let cluster = Cluster::of(4).await;
    let first = upload(&cluster.nodes[0], "Again").await.unwrap();
    let mut files = vec![audio_of("Again")];
    for (number, node) in cluster.nodes.iter().enumerate() {
        let other = wav(99 + number as u64, 200_000);
        let again = node
            .upload_bytes(other.clone(), stated("again "))
            .await
            .unwrap();
        assert_eq!(again.outcome, Outcome::RecordingAdded);
        files.push(other);
        assert_eq!(again.song.id(), first.song.id());
        assert_eq!(again.song.recordings().len(), files.len());
    }
    for node in &cluster.nodes {
        for file in &files {
            let request = AudioRequest {
                recording: Some(ContentHash::of(file)),
                ..AudioRequest::whole(first.song.id())
            };
            let audio = node.audio(&request).await.unwrap().unwrap();
            let heard: Vec<Bytes> = audio.stream.try_collect().await.unwrap();
            assert_eq!(Bytes::from(heard.concat()), *file);
        }
    }
}

/// A song with one copy can be found and heard, and was once taken for safe by whoever asked before an
/// upload: the machine died, and the song was gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_song_that_can_be_heard_is_not_yet_durable() {
    let mut cluster = Cluster::of(3).await;
    let safe = upload(&cluster.nodes[0], "Safe").await.unwrap().song;
    cluster.all_copies_there(1).await;
    cluster.kill(2).await;
    cluster.kill(1).await;
    let content = ContentHash::of(&audio_of("Safe"));
    let copies = cluster.nodes[0].copies(&safe.id()).await.unwrap().unwrap();
    assert_eq!(copies.recordings[0].copies, 1);
    assert!(!copies.is_durable(&content));
    // Nor does the node itself call it there already.
    let again = upload(&cluster.nodes[0], "Safe").await;
    assert!(matches!(again, Err(Error::TooFew { .. })), "{again:?}");
    // The repetition completes it, once enough machines are there again.
    cluster.add().await;
    eventually(|| async {
        let again = upload(&cluster.nodes[0], "Safe").await;
        again.map(drop).map_err(|error| error.chain())
    })
    .await;
    let copies = cluster.nodes[1].copies(&safe.id()).await.unwrap();
    assert!(copies.is_some_and(|copies| copies.is_durable(&content)));
}

/// Cards of any kind come from other nodes. Eight better recordings once made every node delete the audio
/// that it held, and one made the song unplayable.
#[tokio::test(flavor = "multi_thread")]
async fn better_recordings_that_nobody_holds_harm_nothing() {
    let mut cluster = Cluster::of(3).await;
    let song = upload(&cluster.nodes[0], "Held").await.unwrap().song;
    cluster.all_copies_there(1).await;
    let better = |number: u16| {
        let mut content = [0; 32];
        content[..2].copy_from_slice(&number.to_be_bytes());
        Recording {
            content: ContentHash::from_bytes(content),
            bit_rate: Some(u32::MAX),
            ..song.best().clone()
        }
    };
    let others = Song::from_recordings((0..300).map(better).collect()).unwrap();
    cluster.add_with_cards(vec![others]).await;
    for node in &cluster.nodes {
        eventually(|| async {
            let known = node.song(&song.id()).await.map_err(|error| error.chain())?;
            let known = known.map_or(0, |song| song.recordings().len());
            (known == 301)
                .then_some(())
                .ok_or(format!("{known} recordings are known"))
        })
        .await;
    }
    for node in &cluster.nodes {
        let heard = node.audio_bytes(&song.id()).await.unwrap();
        assert_eq!(heard, Some(audio_of("Held")));
    }
    let status = cluster.nodes[0].status().await.unwrap();
    let holders = status.nodes.iter().filter(|node| node.bytes > 0).count();
    assert!(holders >= 3, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_audios_of_one_song_at_once_become_one_song_everywhere() {
    let cluster = Cluster::of(5).await;
    let (one, other) = (wav(1, 40_000), wav(2, 40_000));
    let (a, b) = tokio::join!(
        cluster.nodes[0].upload_bytes(one.clone(), stated("Twice")),
        cluster.nodes[4].upload_bytes(other.clone(), stated("TWICE")),
    );
    let id = a.unwrap().song.id();
    assert_eq!(b.unwrap().song.id(), id);
    eventually(|| async {
        let mut chosen = Vec::new();
        for node in &cluster.nodes {
            chosen.push(node.audio_bytes(&id).await.map_err(|error| error.chain())?);
        }
        chosen.dedup();
        (chosen.len() == 1)
            .then_some(())
            .ok_or_else(|| "the nodes do not agree".to_owned())
    })
    .await;
    let heard = cluster.nodes[2].audio_bytes(&id).await.unwrap().unwrap();
    assert!(heard == one || heard == other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_reaches_nobody_takes_no_upload_and_denies_none() {
    let mut cluster = Cluster::of(3).await;
    let known = upload(&cluster.nodes[0], "Known").await.unwrap().song;
    cluster.all_copies_there(1).await;
    let others = [1, 2].map(|other| cluster.nodes[other].rpc_address().to_string());
    cluster.kill(2).await;
    cluster.kill(1).await;
    let alone = &cluster.nodes[0];
    finds_and_plays(alone, &known, &audio_of("Known"))
        .await
        .unwrap();
    let refused = upload(alone, "New").await.unwrap_err();
    assert!(matches!(refused, Error::TooFew { .. }), "{refused:?}");
    let unsure = alone.song(&SongId::of("nowhere", "", "")).await;
    assert!(matches!(unsure, Err(Error::TooFew { .. })), "{unsure:?}");
    let mut dead: Vec<String> = Vec::from(others);
    dead.sort();
    for words in ["known", "nowhere"] {
        let page = alone.search(&Query::words(words).unwrap()).await.unwrap();
        assert_eq!(page.items.len(), usize::from(words == "known"));
        let mut missing = page.partial.unwrap().missing().to_vec();
        missing.sort();
        assert_eq!(missing, dead, "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_from_the_start_takes_uploads() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path(), None, |_| ()).await;
    let song = upload(&node, "Alone").await.unwrap().song;
    finds_and_plays(&node, &song, &audio_of("Alone"))
        .await
        .unwrap();
    assert!(
        node.search(&Query::words("nowhere").unwrap())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_audio_through_all_nodes_is_one_song_or_two_by_its_titles() {
    let cluster = Cluster::of(5).await;
    let audio = wav(3, 300_000);
    let uploads = cluster.nodes.iter().enumerate().flat_map(|(number, node)| {
        let title = if number % 2 == 0 { "Even" } else { "Odd" };
        [
            node.upload_bytes(audio.clone(), stated(title)),
            node.upload_bytes(audio.clone(), stated(title)),
        ]
    });
    for uploaded in futures_util::future::join_all(uploads).await {
        let id = uploaded.unwrap().song.id();
        assert_eq!(
            cluster.nodes[1].audio_bytes(&id).await.unwrap().unwrap(),
            audio
        );
    }
    cluster.all_copies_there(2).await;
}

/// A machine may know a song by the first of its artists, as programs gave it that read no more. It learns the
/// others from the audio, all machines hear of it, and an upload through any of them goes where the song is.
#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_learn_what_one_reads_anew() {
    let mut cluster = Cluster::of(2).await;
    let (file, old) = cluster.add_with_old_duet().await;
    let guests = Query {
        artist: Some("Guest".into()),
        ..Query::all()
    };
    for node in &cluster.nodes {
        eventually(|| async {
            let found = node.search_all(&guests).await;
            let found = found.map_err(|error| error.chain())?;
            let ids: Vec<_> = found.iter().map(|entry| entry.id()).collect();
            (ids == [old.id()]).then_some(()).ok_or(format!("{ids:?}"))
        })
        .await;
    }
    let again = cluster.nodes[0].upload_bytes(file, Stated::default()).await;
    let again = again.unwrap();
    assert_eq!(
        (again.song.id(), again.outcome),
        (old.id(), Outcome::AlreadyThere)
    );
}
