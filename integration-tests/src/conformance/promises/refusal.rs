//! Uploads that must be refused, and of which nothing may be left.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{AudioStream, Error, MusicServiceExt, NewSong, Stated};

use crate::conformance::{
    Broken, Ground, Promise, UPLOAD_BYTES_MAX, Verdict, ground::eventually, promise::promise,
    verdict::ensure,
};
use crate::fixtures::{AudioFile, Kind, noise};

pub(super) const PROMISES: &[Promise] = &[
    promise!(a_song_above_the_limit_is_refused_and_leaves_nothing),
    promise!(a_file_without_a_title_is_refused_and_leaves_nothing),
    promise!(what_is_not_audio_is_refused_and_leaves_nothing),
    promise!(a_broken_body_is_told_as_such_and_leaves_nothing),
    promise!(an_upload_that_failed_can_be_repeated),
];

/// An upload must be refused with an error that fits, and what the file names must be absent.
async fn is_refused(
    on: &Ground,
    named: &AudioFile,
    audio: AudioStream,
    stated: Stated,
    fits: impl Fn(&Error) -> bool,
) -> Verdict {
    let result = on.service().upload(NewSong { stated, audio }).await;
    match result {
        Ok(upload) => Err(Broken::new(format!(
            "what should be refused was taken: {:?}",
            upload.song
        ))),
        Err(error) if fits(&error) => on.is_absent(named).await,
        Err(error) => Err(Broken::new(format!(
            "what should be refused was refused for another reason: {}",
            error.chain()
        ))),
    }
}

async fn a_song_above_the_limit_is_refused_and_leaves_nothing(on: &Ground) -> Verdict {
    let file = AudioFile {
        kind: Kind::Mp3,
        ..on.file("Endless")
    };
    let whole = file.bytes();
    // More silence at the end, up to the limit and beyond; how much is not said beforehand.
    for (beyond, refused) in [(1 << 20, true), (1, true), (0, false)] {
        let mut rest = usize::try_from(UPLOAD_BYTES_MAX).unwrap_or(usize::MAX) + beyond;
        rest -= whole.len();
        let silence = Bytes::from_static(&[0; 1 << 16]);
        let pieces = std::iter::from_fn(move || {
            let piece = silence.slice(..rest.min(silence.len()));
            rest -= piece.len();
            (!piece.is_empty()).then_some(Ok(piece))
        });
        let audio = stream::iter([Ok(whole.clone())].into_iter().chain(pieces)).boxed();
        if refused {
            let limit = |error: &Error| matches!(error, Error::TooLarge { limit } if *limit == UPLOAD_BYTES_MAX);
            is_refused(on, &file, audio, Stated::default(), limit).await?;
        } else {
            let stated = Stated::default();
            let upload = on.service().upload(NewSong { stated, audio }).await?;
            let size = upload.song.best().size;
            ensure!(
                size == UPLOAD_BYTES_MAX,
                "a song of exactly the limit has {size} bytes"
            );
        }
    }
    Ok(())
}

fn one(bytes: Bytes) -> AudioStream {
    stream::iter([Ok(bytes)]).boxed()
}

async fn a_file_without_a_title_is_refused_and_leaves_nothing(on: &Ground) -> Verdict {
    let no_title = |error: &Error| matches!(error, Error::NoTitle);
    for kind in Kind::ALL {
        let file = AudioFile {
            kind,
            ..on.file("")
        };
        is_refused(on, &file, one(file.bytes()), Stated::default(), no_title).await?;
    }
    let file = on.file("Overridden");
    for title in ["", "   ", "\u{200b}"] {
        let stated = Stated {
            title: Some(title.into()),
            ..Stated::default()
        };
        // An empty title states nothing; the file's own may stand in, or the upload is refused.
        match on.send(file.bytes(), stated).await {
            Ok(upload) => ensure!(
                upload.song.tags().title() == file.title,
                "the stated title {title:?} became {:?}",
                upload.song.tags().title()
            ),
            Err(error) => ensure!(
                no_title(&error),
                "the stated title {title:?} was refused for another reason: {}",
                error.chain()
            ),
        }
    }
    Ok(())
}

async fn what_is_not_audio_is_refused_and_leaves_nothing(on: &Ground) -> Verdict {
    let file = on.file("Not audio");
    let whole = file.bytes();
    let stated = Stated {
        title: Some(file.title.clone()),
        artists: vec![file.artist.clone()],
        album: Some(file.album.clone()),
        ..Stated::default()
    };
    let bodies: [(&str, Bytes); 7] = [
        ("nothing", Bytes::new()),
        ("one byte", Bytes::from_static(b"R")),
        ("noise", noise(on.seed(), 50_000).into()),
        ("zeros", vec![0; 50_000].into()),
        (
            "a page",
            Bytes::from_static(b"<!doctype html><title>Song</title><p>Not found"),
        ),
        ("a cover", crate::fixtures::cover(1, 20, 20)),
        ("the beginning of a header", whole.slice(..11)),
    ];
    for (what, body) in bodies {
        let not_audio = |error: &Error| matches!(error, Error::NotAudio { .. });
        is_refused(on, &file, one(body), stated.clone(), not_audio)
            .await
            .map_err(|broken| Broken::new(format!("{what}: {broken}")))?;
    }
    Ok(())
}

async fn a_broken_body_is_told_as_such_and_leaves_nothing(on: &Ground) -> Verdict {
    let file = AudioFile {
        audio_bytes: 700_000,
        ..on.file("Broken off")
    };
    let whole = file.bytes();
    for at in [0, 1, 5000, 400_000, whole.len()] {
        is_refused(
            on,
            &file,
            breaks_off(&whole, at),
            Stated::default(),
            |error| matches!(error, Error::Body { .. }),
        )
        .await
        .map_err(|broken| Broken::new(format!("broken off after {at} bytes: {broken}")))?;
    }
    // Nor may it come up later.
    eventually(|| on.is_absent(&file)).await
}

/// A body that gives so many bytes and then an error.
fn breaks_off(whole: &Bytes, at: usize) -> AudioStream {
    let end = Err(Error::Body {
        cause: "the disk was pulled out".into(),
    });
    stream::iter([Ok(whole.slice(..at)), end]).boxed()
}

async fn an_upload_that_failed_can_be_repeated(on: &Ground) -> Verdict {
    let file = AudioFile {
        audio_bytes: 300_000,
        ..on.file("At the third attempt")
    };
    let whole = file.bytes();
    for at in [10, 290_000] {
        let audio = breaks_off(&whole, at);
        let stated = Stated::default();
        let failed = on.service().upload(NewSong { stated, audio }).await;
        ensure!(failed.is_err(), "a body that broke off was taken for whole");
    }
    let song = on.add(&file).await?;
    on.is_there(&song, &whole).await?;
    let all = on.service().search_all(&on.mine()).await?;
    ensure!(
        all == [song],
        "after two failures and a success there is {all:?}"
    );
    Ok(())
}
