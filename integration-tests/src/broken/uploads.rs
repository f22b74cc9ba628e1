//! Faults of uploading.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use kadenza_contract::{
    AudioRequest, AudioStream, ContentHash, Entry, Error, MusicService, NewSong, Outcome, Query,
    Result, Song, Stated, Upload,
};
use parking_lot::Mutex;

use super::{Fault, Faulty, Notes};
use crate::{conformance::UPLOAD_BYTES_MAX, fixtures::AudioFile, memory::Memory};

impl Faulty {
    pub(super) async fn upload_badly(&self, song: NewSong) -> Result<Upload> {
        let NewSong {
            mut stated,
            mut audio,
        } = song;
        match self.fault {
            Fault::IgnoresWhatIsStated => stated = Stated::default(),
            Fault::IgnoresThePath => stated.path = None,
            Fault::KeepsPathsToItself => {
                let upload = self.inner.upload(NewSong { stated, audio }).await?;
                return Ok(Upload::new(upload.song, upload.outcome));
            }
            Fault::TakesAnEmptyAlbumForUnstated => {
                stated.album = stated.album.filter(|album| !album.is_empty());
            }
            Fault::RefusesPaths if stated.title.as_ref().is_some_and(|t| t.contains("../")) => {
                return Err(Error::Invalid {
                    what: "the title is a path".into(),
                });
            }
            Fault::JoinsArtists if stated.artists.len() > 1 => {
                stated.artists = vec![stated.artists.join(", ")];
            }
            Fault::KeepsOnlyAscii => {
                let texts = [&mut stated.title, &mut stated.album];
                let texts = texts.into_iter().flatten().chain(&mut stated.artists);
                for text in texts {
                    *text = text.replace(|c: char| !c.is_ascii(), "?");
                }
            }
            Fault::EndsAtAnEmptyPiece => {
                let whole = |piece: &Result<Bytes>| !piece.as_ref().is_ok_and(Bytes::is_empty);
                audio = audio
                    .take_while(move |piece| future::ready(whole(piece)))
                    .boxed();
            }
            Fault::TakesBrokenBodies => {
                audio = audio
                    .take_while(|piece| future::ready(piece.is_ok()))
                    .boxed();
            }
            Fault::CutsAtAMebibyte => {
                let cut = bytes(audio).await?;
                audio = one(cut.slice(..cut.len().min(1 << 20)));
            }
            Fault::TakesWhatFits => {
                let mut room = UPLOAD_BYTES_MAX as usize;
                let fitting = audio.map_ok(move |piece| {
                    let piece = piece.slice(..piece.len().min(room));
                    room -= piece.len();
                    piece
                });
                audio = fitting.boxed();
            }
            Fault::CountsRepeats => {
                self.calls.fetch_add(1, Ordering::Relaxed);
            }
            Fault::TurnsUploadsAway | Fault::GetsStuckWhenGivenUp => {
                return self.counted(NewSong { stated, audio }).await;
            }
            Fault::GetsStuckByFailures => {
                if self.notes.lock().stuck {
                    return Err(Error::Busy);
                }
                let result = self.inner.upload(NewSong { stated, audio }).await;
                self.notes.lock().stuck |= result.is_err();
                return result;
            }
            Fault::KeepsWhatItGot | Fault::KeepsHalfASong => {
                return self.leaving_something(stated, audio).await;
            }
            _ => return self.upload_whole(stated, audio).await,
        }
        self.inner.upload(NewSong { stated, audio }).await
    }

    /// Faults that need the whole file at once.
    async fn upload_whole(&self, stated: Stated, audio: AudioStream) -> Result<Upload> {
        let bytes = match bytes(audio).await {
            Err(Error::Body { cause }) if self.fault == Fault::BlamesTheDisk => {
                return Err(Error::Storage {
                    doing: "reading the body",
                    cause,
                });
            }
            Err(Error::TooLarge { .. }) if self.fault == Fault::IsFullTooSoon => {
                return Err(Error::full());
            }
            bytes => bytes?,
        };
        let upload = |stated: &Stated| {
            let (stated, audio) = (stated.clone(), one(bytes.clone()));
            self.inner.upload(NewSong { stated, audio })
        };
        let done = match (self.fault, upload(&stated).await) {
            (Fault::MakesTitlesUp, Err(Error::NoTitle)) => {
                let title = Some("Untitled".into());
                upload(&Stated {
                    title,
                    ..stated.clone()
                })
                .await?
            }
            (Fault::TakesAnything, Err(Error::NotAudio { .. })) => {
                let audio = one(AudioFile::default().bytes());
                let stated = stated.clone();
                self.inner.upload(NewSong { stated, audio }).await?
            }
            (Fault::AsksForATitleOfNoise, Err(Error::NotAudio { .. })) => {
                return Err(Error::NoTitle);
            }
            (_, done) => done?,
        };
        let id = done.song.id();
        let repeated = done.outcome == Outcome::AlreadyThere;
        let is_known = done.outcome != Outcome::Added;
        match self.fault {
            Fault::LosesEveryThirdUpload if self.calls.fetch_add(1, Ordering::Relaxed) % 3 == 2 => {
                self.inner.forget(&id);
            }
            Fault::RefusesRepeats if repeated => {
                return Err(Error::Invalid {
                    what: "it is there already".into(),
                });
            }
            Fault::AddsRepeatsAgain => {
                return Ok(Upload {
                    outcome: Outcome::Added,
                    ..done
                });
            }
            Fault::RenewsOnRepeat if repeated => {
                // The clock moves on before the song is taken in again.
                let before = done.song.best().added_at;
                loop {
                    self.inner.forget(&id);
                    let song = upload(&stated).await?.song;
                    if song.best().added_at > before {
                        return Ok(Upload { song, ..done });
                    }
                }
            }
            Fault::TakesTheLastAudio if is_known => {
                self.inner.forget(&id);
                upload(&stated).await?;
            }
            Fault::DropsOtherAudio if done.outcome == Outcome::RecordingAdded => {
                let content = ContentHash::of(&bytes);
                let mut others = done.song.recordings().to_vec();
                others.retain(|recording| recording.content != content);
                let song = Song::from_recordings(others)?;
                return Ok(Upload::new(song, Outcome::AlreadyThere));
            }
            Fault::TellsSpellingsApart
                if stated.title.as_ref().is_some_and(|title| {
                    let mut all = done.song.recordings().iter();
                    all.any(|recording| title != recording.tags.title())
                }) =>
            {
                self.inner.forget(&id);
                return upload(&stated).await;
            }
            Fault::KnowsSongsByTheirAudio if !is_known => {
                let content = done.song.best().content;
                let all = self.inner.page_of(&Query::all()).items;
                let same =
                    |song: &Entry| song.id() != id && song.song().recording(&content).is_some();
                if let Some(song) = all.into_iter().find(same) {
                    self.inner.forget(&id);
                    return Ok(Upload::new(song.into(), Outcome::AlreadyThere));
                }
            }
            Fault::FailsInARace if repeated => return Err(Error::Busy),
            Fault::PlaysInTurns if is_known => {
                let worst = done.song.recordings().last();
                let request = AudioRequest {
                    recording: worst.map(|worst| worst.content),
                    ..AudioRequest::whole(id)
                };
                if let Some(worst) = self.inner.audio(&request).await? {
                    let audio = worst.stream;
                    self.second.forget(&id);
                    self.second.upload(NewSong { stated, audio }).await?;
                }
            }
            Fault::ShowsSongsTooEarly => {
                self.notes.lock().mute.insert(id);
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.notes.lock().mute.remove(&id);
            }
            _ => {}
        }
        Ok(done)
    }

    /// Counts uploads that are under way; one that is given up is never counted off.
    async fn counted(&self, song: NewSong) -> Result<Upload> {
        let others = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.fault == Fault::TurnsUploadsAway && others >= 8 {
            return Err(Error::Busy);
        }
        if self.fault == Fault::GetsStuckWhenGivenUp && others > 0 {
            future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let result = self.inner.upload(song).await;
        self.calls.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// Leaves something behind when it is given up.
    async fn leaving_something(&self, stated: Stated, mut audio: AudioStream) -> Result<Upload> {
        let mut left = Left {
            stated: stated.clone(),
            bytes: Vec::new(),
            half: self.fault == Fault::KeepsHalfASong,
            inner: Arc::clone(&self.inner),
            notes: Arc::clone(&self.notes),
        };
        while let Some(piece) = audio.try_next().await? {
            left.bytes.extend_from_slice(&piece);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let audio = one(std::mem::take(&mut left.bytes).into());
        self.inner.upload(NewSong { stated, audio }).await
    }
}

/// The traces of an upload that is dropped before its end.
struct Left {
    stated: Stated,
    bytes: Vec<u8>,
    half: bool,
    inner: Arc<Memory>,
    notes: Arc<Mutex<Notes>>,
}

impl Drop for Left {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Ok(upload) = self.inner.keep(bytes.into(), &self.stated)
            && self.half
        {
            self.notes.lock().mute.insert(upload.song.id());
        }
    }
}

async fn bytes(mut audio: AudioStream) -> Result<Bytes> {
    let mut bytes = Vec::new();
    while let Some(piece) = audio.try_next().await? {
        if (bytes.len() + piece.len()) as u64 > UPLOAD_BYTES_MAX {
            let limit = UPLOAD_BYTES_MAX;
            return Err(Error::TooLarge { limit });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

fn one(bytes: Bytes) -> AudioStream {
    stream::iter([Ok(bytes)]).boxed()
}
