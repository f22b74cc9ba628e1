//! Any number of calls may be under way at once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future::try_join_all, stream};
use kadenza_contract::{MusicServiceExt, Outcome, Song, SongId};

use crate::conformance::{
    Broken, Ground, Promise, Verdict,
    ground::{eventually, name_of},
    promise::promise,
    verdict::ensure,
};
use crate::fixtures::{AudioFile, Kind};

pub(super) const PROMISES: &[Promise] = &[
    promise!(many_uploads_at_once_all_arrive),
    promise!(the_same_upload_many_times_at_once_is_one_song),
    promise!(one_song_with_different_audio_at_once_is_one_song),
    promise!(questions_of_all_kinds_at_once_are_answered),
    promise!(no_song_is_ever_half_visible),
];

async fn many_uploads_at_once_all_arrive(on: &Ground) -> Verdict {
    let files: Vec<AudioFile> = (0..24)
        .map(|n| AudioFile {
            kind: Kind::ALL[n % 4],
            audio_bytes: 1000 + n * 17_000,
            ..on.file(&format!("At once {n}"))
        })
        .collect();
    let songs = try_join_all(files.iter().map(|file| on.add(file))).await?;
    for (song, file) in songs.iter().zip(&files) {
        on.is_there(song, &file.bytes()).await?;
    }
    let all = on.service().search_all(&on.mine()).await?;
    ensure!(
        all.len() == files.len(),
        "of {} uploads {} are found",
        files.len(),
        all.len()
    );
    Ok(())
}

/// The one song that there must be in the end, to be heard as one of these files, always the same.
async fn is_one_of(on: &Ground, id: &SongId, files: &[Bytes]) -> Verdict {
    // Machines that took different audio at the same time may need a moment to agree.
    let mut before: Option<(Song, Bytes)> = None;
    let (mut same, mut looks) = (0, 0);
    while same < 8 {
        let all = on.service().search_all(&on.mine()).await?;
        ensure!(
            all.len() == 1,
            "one song was uploaded, and there are {all:?}"
        );
        let Some(song) = on.service().song(id).await? else {
            return Err(Broken::new(
                "an acknowledged song is not found by its id".into(),
            ));
        };
        let Some(heard) = on.hear(id).await? else {
            return Err(Broken::new(format!("{} has no audio", name_of(&song))));
        };
        ensure!(
            files.contains(&heard),
            "{} sounds like none of the files that were uploaded",
            name_of(&song)
        );
        let now = Some((song, heard));
        same = if before == now { same + 1 } else { 0 };
        before = now;
        looks += 1;
        ensure!(
            looks < 300,
            "a song uploaded with different audio at once sounds now one way, now another"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn the_same_upload_many_times_at_once_is_one_song(on: &Ground) -> Verdict {
    let file = AudioFile {
        audio_bytes: 300_000,
        ..on.file("All together")
    };
    let uploads = try_join_all((0..10).map(|_| on.upload(&file))).await?;
    let (id, audio) = (uploads[0].song.id(), file.bytes());
    ensure!(
        uploads
            .iter()
            .any(|upload| upload.outcome == Outcome::Added),
        "ten uploads of a new song were all said to be there already"
    );
    is_one_of(on, &id, std::slice::from_ref(&audio)).await?;
    let song = on.service().song(&id).await?;
    ensure!(
        song.as_ref()
            .is_some_and(|song| song.recordings().len() == 1),
        "one file uploaded ten times at once has several recordings: {song:?}"
    );
    Ok(())
}

async fn one_song_with_different_audio_at_once_is_one_song(on: &Ground) -> Verdict {
    let files: Vec<AudioFile> = (0..6)
        .map(|n| AudioFile {
            kind: Kind::ALL[n % 4],
            seed: n as u64,
            audio_bytes: 80_000,
            ..on.file("Contested")
        })
        .collect();
    let uploads = try_join_all(files.iter().map(|file| on.upload(file))).await?;
    let id = uploads[0].song.id();
    ensure!(
        uploads.iter().all(|upload| upload.song.id() == id),
        "one song was acknowledged under several ids"
    );
    let files: Vec<Bytes> = files.iter().map(AudioFile::bytes).collect();
    is_one_of(on, &id, &files).await
}

async fn questions_of_all_kinds_at_once_are_answered(on: &Ground) -> Verdict {
    let mut songs = Vec::new();
    for n in 0..4 {
        let file = AudioFile {
            audio_bytes: 150_000,
            ..on.file(&format!("Asked for {n}"))
        };
        songs.push((on.add(&file).await?, file.bytes()));
    }
    let songs = &songs;
    let questions = stream::iter(0..60).map(|n| async move {
        let (song, audio) = &songs[n % 4];
        match n % 3 {
            0 => on.is_there(song, audio).await,
            1 => on.page_is_right(&on.mine()).await,
            _ => {
                on.service().status().await?;
                on.service().servers().await?;
                Ok(())
            }
        }
    });
    let verdicts: Vec<Verdict> = questions.buffer_unordered(20).collect().await;
    verdicts.into_iter().collect()
}

async fn no_song_is_ever_half_visible(on: &Ground) -> Verdict {
    let files: Vec<AudioFile> = (0..12)
        .map(|n| AudioFile {
            audio_bytes: 60_000 * (n + 1),
            ..on.file(&format!("Appearing {n}"))
        })
        .collect();
    let done = AtomicBool::new(false);
    let uploading = async {
        let result = try_join_all(files.iter().map(|file| on.add(file))).await;
        done.store(true, Ordering::Relaxed);
        result.map(|_| ())
    };
    let watching = async {
        while !done.load(Ordering::Relaxed) {
            // A song that one question finds is found whole by every other question.
            for song in on.service().search_all(&on.mine()).await? {
                let file = files.iter().find(|file| file.title == song.tags().title());
                let Some(file) = file else {
                    return Err(Broken::new(format!(
                        "{} was never uploaded",
                        name_of(&song)
                    )));
                };
                on.is_there(&song, &file.bytes()).await?;
            }
            for file in &files {
                let id = SongId::of(&file.title, &file.artist, &file.album);
                if let Some(song) = on.service().song(&id).await? {
                    let heard = on.hear(&id).await?;
                    ensure!(
                        heard == Some(file.bytes()),
                        "{} is found while it is uploaded, and its audio is not whole",
                        name_of(&song)
                    );
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    };
    let (uploaded, watched) = tokio::join!(uploading, watching);
    uploaded?;
    watched?;
    let all = on.mine();
    eventually(|| on.page_is_right(&all)).await
}
