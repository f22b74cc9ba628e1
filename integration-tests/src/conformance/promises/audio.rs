//! Listening: the bytes that were uploaded, or an error; never other bytes, never a silent end.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use kadenza_contract::{AudioRequest, ByteRange, ContentHash, Error, Song, SongId};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::conformance::{
    Broken, Ground, Promise, Verdict,
    ground::{hear_out, name_of},
    promise::promise,
    verdict::ensure,
};
use crate::fixtures::{AudioFile, Kind};

pub(super) const PROMISES: &[Promise] = &[
    promise!(what_is_heard_is_what_was_uploaded),
    promise!(any_range_is_that_part_of_the_whole),
    promise!(a_range_behind_the_end_is_an_error_that_tells_the_size),
    promise!(opened_audio_tells_which_recording_it_is),
    promise!(a_named_recording_is_heard_and_an_unknown_one_is_none),
    promise!(the_audio_of_an_unknown_song_is_none),
    promise!(a_slow_listener_hears_everything),
    promise!(listeners_who_leave_do_no_harm),
    promise!(idle_listeners_do_not_starve_the_rest),
];

/// Audio is cut into pieces of this many bytes below; ranges around their borders are suspicious.
const PIECE: u64 = 256 << 10;

async fn add_long(on: &Ground, title: &str, audio_bytes: usize) -> Result<(Song, Bytes), Broken> {
    let file = AudioFile {
        audio_bytes,
        ..on.file(title)
    };
    Ok((on.add(&file).await?, file.bytes()))
}

async fn what_is_heard_is_what_was_uploaded(on: &Ground) -> Verdict {
    for kind in Kind::ALL {
        for audio_bytes in [2, 3000, (PIECE - 60) as usize, 3 * PIECE as usize + 1] {
            let file = AudioFile {
                kind,
                audio_bytes,
                ..on.file(&format!("{kind:?} of {audio_bytes}"))
            };
            let song = on.add(&file).await?;
            for _ in 0..2 {
                let heard = on.hear(&song.id()).await?;
                ensure!(
                    heard == Some(file.bytes()),
                    "{} does not sound as it was uploaded",
                    name_of(&song)
                );
            }
        }
    }
    Ok(())
}

async fn any_range_is_that_part_of_the_whole(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "In parts", 3 * PIECE as usize + 1000).await?;
    let size = whole.len() as u64;
    let mut ranges = vec![
        ByteRange::ALL,
        ByteRange {
            start: 1,
            end: None,
        },
        ByteRange {
            start: size - 1,
            end: None,
        },
        ByteRange {
            start: 0,
            end: Some(u64::MAX),
        },
        ByteRange {
            start: size - 10,
            end: Some(size + 10),
        },
    ];
    for border in [0, PIECE, 2 * PIECE, 3 * PIECE, size] {
        for (before, behind) in [(0, 1), (1, 0), (1, 1), (1, PIECE), (PIECE, 1), (0, PIECE)] {
            let start = border.saturating_sub(before);
            let end = border + behind;
            if start < end.min(size) {
                ranges.push(ByteRange::from(start..end));
            }
        }
    }
    let mut dice = StdRng::seed_from_u64(on.seed());
    for _ in 0..24 {
        let start = dice.random_range(0..size);
        ranges.push(ByteRange::from(start..dice.random_range(start..size) + 1));
    }
    for range in ranges {
        let heard = on.hear_range(&song, range).await?;
        let right = range.within(size)?;
        ensure!(
            heard == whole.slice(right.start as usize..right.end as usize),
            "bytes {range:?} of {} are not those that were uploaded",
            name_of(&song)
        );
    }
    Ok(())
}

async fn a_range_behind_the_end_is_an_error_that_tells_the_size(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "Short", 1000).await?;
    let size = whole.len() as u64;
    for range in [
        ByteRange {
            start: size,
            end: None,
        },
        ByteRange {
            start: size,
            end: Some(size + 1),
        },
        ByteRange {
            start: size + 1,
            end: None,
        },
        ByteRange {
            start: 1 << 40,
            end: Some(1 << 41),
        },
        ByteRange {
            start: 5,
            end: Some(5),
        },
    ] {
        let request = AudioRequest {
            range,
            ..AudioRequest::whole(song.id())
        };
        match on.service().audio(&request).await {
            Err(Error::Range { size: told }) => ensure!(
                told == size,
                "for bytes {range:?} the size of {size} was told as {told}"
            ),
            other => ensure!(false, "bytes {range:?} of {size} gave {other:?}"),
        }
    }
    Ok(())
}

async fn opened_audio_tells_which_recording_it_is(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "Told", 9000).await?;
    for range in [ByteRange::ALL, ByteRange::from(7..8)] {
        let request = AudioRequest {
            range,
            ..AudioRequest::whole(song.id())
        };
        let audio = on.service().audio(&request).await?;
        let Some(audio) = audio else {
            return Err(Broken::new(format!("{} has no audio", name_of(&song))));
        };
        ensure!(
            audio.recording.content == ContentHash::of(&whole)
                && audio.recording.size == whole.len() as u64
                && audio.recording.format == song.best().format,
            "{} was opened as {:?}, which is not {:?}",
            name_of(&song),
            audio.recording,
            song.best()
        );
        ensure!(
            audio.range == range.within(whole.len() as u64)?,
            "bytes {range:?} were opened as {:?}",
            audio.range
        );
    }
    Ok(())
}

async fn a_named_recording_is_heard_and_an_unknown_one_is_none(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "Pinned", 9000).await?;
    let (_, other) = add_long(on, "Another", 9000).await?;
    for range in [ByteRange::ALL, ByteRange::from(100..200)] {
        let mut request = AudioRequest {
            song: song.id(),
            recording: Some(song.best().content),
            range,
        };
        let Some(audio) = on.service().audio(&request).await? else {
            return Err(Broken::new(
                "the song's only recording, named, is none".into(),
            ));
        };
        let right = range.within(whole.len() as u64)?;
        ensure!(
            hear_out(audio).await? == whole.slice(right.start as usize..right.end as usize),
            "a named recording does not sound as it was uploaded"
        );
        // Another song's recording is none of this one's.
        for content in [ContentHash::of(b"nothing"), ContentHash::of(&other)] {
            request.recording = Some(content);
            let audio = on.service().audio(&request).await?;
            ensure!(audio.is_none(), "an unknown recording gave {audio:?}");
        }
    }
    Ok(())
}

async fn the_audio_of_an_unknown_song_is_none(on: &Ground) -> Verdict {
    for range in [
        ByteRange::ALL,
        ByteRange::from(0..1),
        ByteRange {
            start: 1 << 40,
            end: None,
        },
    ] {
        let song = SongId::of("Nobody uploaded this", &on.artist(), "");
        for recording in [None, Some(ContentHash::of(b""))] {
            let request = AudioRequest {
                song,
                recording,
                range,
            };
            let audio = on.service().audio(&request).await?;
            ensure!(audio.is_none(), "the audio of an unknown song is {audio:?}");
        }
    }
    Ok(())
}

async fn a_slow_listener_hears_everything(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "Adagio", 9 * PIECE as usize).await?;
    let audio = on.service().audio(&AudioRequest::whole(song.id())).await?;
    let Some(mut audio) = audio else {
        return Err(Broken::new(format!("{} has no audio", name_of(&song))));
    };
    let mut heard = Vec::new();
    while let Some(piece) = audio.stream.try_next().await? {
        heard.extend_from_slice(&piece);
        // About two seconds over the whole song, however it is cut.
        let pause = 2000 * piece.len() as u64 / whole.len() as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    ensure!(heard == whole, "a slow listener heard something else");
    Ok(())
}

async fn listeners_who_leave_do_no_harm(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "Left", 6 * PIECE as usize).await?;
    for pieces in 0..48 {
        let audio = on.service().audio(&AudioRequest::whole(song.id())).await?;
        let Some(mut audio) = audio else {
            return Err(Broken::new(format!("{} is gone", name_of(&song))));
        };
        for _ in 0..pieces % 3 {
            audio.stream.try_next().await?;
        }
    }
    on.is_there(&song, &whole).await
}

async fn idle_listeners_do_not_starve_the_rest(on: &Ground) -> Verdict {
    let (song, whole) = add_long(on, "Paused", 8 * PIECE as usize).await?;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let audio = on.service().audio(&AudioRequest::whole(song.id())).await?;
        let Some(mut audio) = audio else {
            return Err(Broken::new(format!("{} is gone", name_of(&song))));
        };
        audio.stream.try_next().await?;
        idle.push(audio);
    }
    // They hold their streams open, and everything else goes on.
    on.is_there(&song, &whole).await?;
    let file = on.file("Meanwhile");
    let meanwhile = on.add(&file).await?;
    on.is_there(&meanwhile, &file.bytes()).await?;
    // And one of them comes back.
    if let Some(mut audio) = idle.pop() {
        while audio.stream.next().await.transpose()?.is_some() {}
    }
    Ok(())
}
