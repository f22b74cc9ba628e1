//! Dropping the future of a call gives it up.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use kadenza_contract::{
    ArtworkRequest, AudioRequest, AudioStream, Browse, GroupKind, MusicServiceExt, NewSong, SongId,
    Stated,
};
use tokio::sync::oneshot;

use crate::conformance::{
    Broken, Ground, Promise, Verdict, ground::eventually, promise::promise, verdict::ensure,
};
use crate::fixtures::AudioFile;

pub(super) const PROMISES: &[Promise] = &[
    promise!(an_upload_given_up_before_its_end_leaves_nothing),
    promise!(an_upload_given_up_happened_entirely_or_not_at_all),
    promise!(an_upload_given_up_can_be_repeated),
    promise!(questions_given_up_do_no_harm),
];

/// A body that tells when so many of its bytes were taken, and then neither goes on nor ends.
fn stalls_at(whole: &Bytes, at: usize) -> (AudioStream, oneshot::Receiver<()>) {
    let (tell, taken) = oneshot::channel();
    let first = stream::iter([Ok(whole.slice(..at))]);
    let stall = stream::once(async move {
        // The caller that gave the upload up does not listen any more.
        let _ = tell.send(());
        std::future::pending().await
    });
    (first.chain(stall).boxed(), taken)
}

async fn an_upload_given_up_before_its_end_leaves_nothing(on: &Ground) -> Verdict {
    let file = AudioFile {
        audio_bytes: 900_000,
        ..on.file("Given up")
    };
    let whole = file.bytes();
    for at in [0, 1, 50, 300_000, whole.len() - 1, whole.len()] {
        let (audio, taken) = stalls_at(&whole, at);
        let stated = Stated::default();
        let service = on.service();
        tokio::select! {
            result = service.upload(NewSong { stated, audio }) => {
                ensure!(
                    result.is_err(),
                    "an upload was acknowledged after {at} bytes of a body that had not ended"
                );
            }
            _ = taken => {}
        }
        on.is_absent(&file).await?;
    }
    // Nor does it come up later.
    tokio::time::sleep(Duration::from_millis(300)).await;
    on.is_absent(&file).await
}

/// Whether the song is there, whole, or not at all; anything between breaks the promise.
async fn is_whole_or_absent(on: &Ground, file: &AudioFile) -> Result<bool, Broken> {
    let id = SongId::of(&file.title, &file.artist, &file.album);
    let service = on.service();
    let song = service.song(&id).await?;
    let heard = on.hear(&id).await?;
    let found = service.search_all(&on.mine()).await?;
    let found = found.iter().find(|song| song.id() == id);
    ensure!(
        heard.is_none() || heard == Some(file.bytes()),
        "an upload given up left other audio than was uploaded"
    );
    ensure!(
        song.is_some() == heard.is_some() && song.is_some() == found.is_some(),
        "an upload given up left half a song: by id {}, audio {}, search {}",
        song.is_some(),
        heard.is_some(),
        found.is_some()
    );
    Ok(song.is_some())
}

async fn an_upload_given_up_happened_entirely_or_not_at_all(on: &Ground) -> Verdict {
    for n in 0..20 {
        let file = AudioFile {
            audio_bytes: 120_000,
            ..on.file(&format!("Late {n}"))
        };
        let service = on.service();
        let audio = crate::conformance::ground::body(file.bytes());
        let stated = Stated::default();
        let upload = service.upload(NewSong { stated, audio });
        // From at once to far beyond what an upload takes on most stacks.
        let patience = Duration::from_micros(50 << (n / 2));
        let acknowledged = match tokio::time::timeout(patience, upload).await {
            Ok(result) => {
                result?;
                true
            }
            Err(_) => false,
        };
        if acknowledged {
            ensure!(
                is_whole_or_absent(on, &file).await?,
                "an acknowledged upload is not found"
            );
        } else {
            // An upload that was on its way when it was given up may still arrive, but only whole.
            eventually(|| async { is_whole_or_absent(on, &file).await.map(|_| ()) }).await?;
        }
    }
    Ok(())
}

async fn an_upload_given_up_can_be_repeated(on: &Ground) -> Verdict {
    for n in 0..6 {
        let file = AudioFile {
            audio_bytes: 200_000,
            ..on.file(&format!("Once more {n}"))
        };
        let whole = file.bytes();
        if n % 2 == 0 {
            let (audio, taken) = stalls_at(&whole, whole.len());
            let stated = Stated::default();
            let service = on.service();
            tokio::select! {
                _ = service.upload(NewSong { stated, audio }) => {}
                _ = taken => {}
            }
        } else {
            let upload = on.upload(&file);
            let patience = Duration::from_millis(1 << n);
            let _ = tokio::time::timeout(patience, upload).await;
        }
        let song = on.upload(&file).await?.song;
        on.is_there(&song, &whole).await?;
    }
    Ok(())
}

async fn questions_given_up_do_no_harm(on: &Ground) -> Verdict {
    let file = AudioFile {
        audio_bytes: 600_000,
        ..on.file("Asked")
    };
    let song = on.add(&file).await?;
    let service = on.service();
    for n in 0..40 {
        // Polled once, or for a moment: then dropped wherever it was.
        let patience = Duration::from_micros([0, 20, 200, 2000][n % 4]);
        let (id, query) = (song.id(), on.mine());
        let ask = async {
            match n / 4 % 5 {
                0 => drop(service.song(&id).await),
                1 => drop(service.search(&query).await),
                2 => drop(service.browse(&Browse::all(GroupKind::Artist)).await),
                3 => drop(service.audio(&AudioRequest::whole(id)).await),
                _ => {
                    let size = Some(32);
                    drop(service.artwork(&ArtworkRequest { song: id, size }).await);
                }
            }
        };
        let mut ask = Box::pin(ask);
        if ask.as_mut().now_or_never().is_none() && !patience.is_zero() {
            let _ = tokio::time::timeout(patience, ask).await;
        }
    }
    on.is_there(&song, &file.bytes()).await?;
    on.page_is_right(&on.mine()).await
}
