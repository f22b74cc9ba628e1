//! Faults of listening.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use kadenza_contract::{Audio, AudioRequest, ByteRange, ContentHash, Error, MusicService, Result};

use super::{Fault, Faulty, absent};

impl Faulty {
    pub(super) async fn audio_badly(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let mut request = request.clone();
        let asked = request.range;
        match self.fault {
            Fault::IgnoresTheRecording => request.recording = None,
            Fault::BeginsAByteEarly if asked.start > 0 => {
                request.range.start -= 1;
                request.range.end = asked.end.map(|end| end - 1);
            }
            Fault::IgnoresTheEnd => request.range.end = None,
            Fault::LeaksListeners if self.calls.fetch_add(1, Ordering::Relaxed) >= 30 => {
                return Err(Error::Busy);
            }
            _ => {}
        }
        let calls = self.calls.load(Ordering::Relaxed);
        if self.fault == Fault::PlaysInTurns
            && calls.is_multiple_of(2)
            && self.second.song(&request.song).await?.is_some()
        {
            self.calls.fetch_add(1, Ordering::Relaxed);
            return self.second.audio(&request).await;
        }
        if self.fault == Fault::PlaysInTurns {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        if self.notes.lock().mute.contains(&request.song) {
            return Ok(None);
        }
        let opened = match self.inner.audio(&request).await {
            Err(Error::Range { .. }) if self.fault == Fault::TellsNoSize => {
                return Err(Error::Range { size: 0 });
            }
            Err(Error::Range { size }) if self.fault == Fault::GivesNothingBehindTheEnd => {
                request.range = ByteRange::ALL;
                let opened = self.inner.audio(&request).await?;
                return Ok(opened.map(|audio| Audio {
                    range: size..size,
                    stream: stream::empty().boxed(),
                    ..audio
                }));
            }
            opened => opened?,
        };
        let Some(audio) = opened else {
            let fails = self.fault == Fault::TakesSilenceForFailure;
            return if fails { Err(absent()) } else { Ok(None) };
        };
        self.spoiled(asked, audio).await.map(Some)
    }

    async fn spoiled(&self, asked: ByteRange, audio: Audio) -> Result<Audio> {
        let Audio {
            mut recording,
            mut range,
            mut stream,
        } = audio;
        match self.fault {
            Fault::BeginsAByteEarly => range = asked.within(recording.size)?,
            Fault::TellsAnotherRecording => recording.content = ContentHash::of(b"something else"),
            Fault::TurnsABit => {
                let mut at = range.start;
                stream = stream
                    .map(move |piece| {
                        let piece = piece?;
                        let third = at / (256 << 10) == 2;
                        at += piece.len() as u64;
                        let mut piece = piece.to_vec();
                        if third && let Some(byte) = piece.first_mut() {
                            *byte ^= 1;
                        }
                        Ok(Bytes::from(piece))
                    })
                    .boxed();
            }
            Fault::EndsEarly => stream = stream.take(5).boxed(),
            Fault::LosesPatience => {
                let since = tokio::time::Instant::now();
                stream = stream
                    .map(move |piece| {
                        let waited = since.elapsed();
                        if waited > Duration::from_secs(1) {
                            return Err(Error::Timeout { waited });
                        }
                        piece
                    })
                    .boxed();
            }
            Fault::AdmitsFewListeners => {
                let place = std::sync::Arc::clone(&self.listeners).acquire_owned().await;
                // The place is held until the stream is dropped.
                stream = stream
                    .take_while(move |_| future::ready(place.is_ok()))
                    .boxed();
            }
            _ => {}
        }
        Ok(Audio {
            recording,
            range,
            stream,
        })
    }
}
