//! Uploads: sent once, and again only because that is safe.
//!
//! An upload is idempotent by identity and content: the song with a title, artist and album exists once, each
//! audio of it is one recording, and a server that has it answers [`Outcome::AlreadyThere`] and stores
//! nothing. So an upload whose fate
//! is unknown may be sent again, to the same server or another; what it needs is its bytes, which
//! the caller can give only once. They are kept in a spool (in memory, then in a temporary file)
//! while they are sent. When a server dies in the middle, the next one gets what is kept and then
//! the rest of the caller's stream.
//!
//! # What is reported
//!
//! An attempt whose body was sent whole and that ended without a clear answer may have added the
//! song. If the repeat then says *already there*, the upload is reported as
//! added exactly when the song has a recording with the very bytes that were sent (by
//! their hash) that was taken in since this upload began, and as *already there* otherwise: as
//! [`Outcome::Added`] where that is its first recording, else as [`Outcome::RecordingAdded`]. The
//! clocks of client and server may differ by [`CLOCKS_APART`]; the same file uploaded by someone
//! else within that time is taken for ours. Either way the song is there and durable.
//!
//! # What is never sent
//!
//! A body ends cleanly only when the caller's stream did. When the caller's stream breaks, or the
//! call is dropped, the request is cut off in the middle of its chunked body, and no server can
//! take the beginning of a file for the whole.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use kadenza_api::{FROM_PATH, OUTCOME, SongJson, UploadParameters, paths};
use kadenza_contract::{
    AudioStream, ContentHash, Error, FromPath, NewSong, Outcome, Recording, Result, Song, Stated,
    Upload,
};
use reqwest::{Body, Method, StatusCode};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::failures::Failures;
use crate::{
    asker::Asker,
    choice::{Ending, Route, Server, WhenSpent},
    http::exchange::{self, Failed, How},
    spool::Spool,
};

/// By how much the clocks of a client and a server may differ. A guess: machines that keep their
/// time by NTP differ by far less.
const CLOCKS_APART: Duration = Duration::from_secs(10);
/// How much is handed to the connection at once, in bytes: the unit in which a stall is noticed.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// How many pieces wait for the connection. With it, memory per upload is bounded beside the spool.
const PIECES_WAITING: usize = 2;
/// How long a request is waited for that cannot succeed any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The largest answer that is read, in bytes: one song with all its recordings, each of them with the longest
/// texts.
pub(crate) const SONG_BYTES_MAX: usize = 8 << 20;

/// Why the body broke off, as the connection hears it.
#[derive(Debug, thiserror::Error)]
#[error("the upload was given up")]
struct GivenUp;

/// A part of a body. Without an end, the body broke off.
enum Part {
    Piece(Bytes),
    End,
}

/// How far the body came.
enum Sent {
    /// All of it.
    Whole,
    /// The request ended before its body; its answer is the reason.
    NotWanted,
    /// The server took nothing for too long.
    Stalled,
    /// The caller's stream broke.
    Broke(Error),
}

/// How one attempt ended, if not with success.
struct Ended {
    failed: Failed,
    /// Whether the song may have been added all the same.
    perhaps_added: bool,
}

impl Asker {
    pub(crate) async fn send_upload(&self, song: NewSong) -> Result<Upload> {
        let began = Timestamp::now();
        let spool = Spool::new(
            self.config.spool_memory,
            self.config.spool_file,
            Arc::clone(&self.spools),
        );
        let mut source = Source::new(song.audio, spool);
        let mut route = Route::new(self.config.attempts_max, WhenSpent::Wait);
        let mut failures = Failures::default();
        let mut perhaps_added = false;
        // The last answer after which the song may have been added.
        let mut unsure = None;
        // Counted from the last failure: how long the sending takes is up to the caller.
        let mut deadline = Instant::now() + self.config.deadline;
        loop {
            let next = self.next(&mut route, deadline).await;
            let Some(server) = next.filter(|_| source.can_begin()) else {
                let waited = self.config.deadline;
                let error = failures.into_error(waited);
                return Err(match unsure {
                    Some(unsure) => unsure,
                    // The error would say that nothing changed, which is not known.
                    None if perhaps_added && !may_have_added(&error) => Error::Timeout { waited },
                    None => error,
                });
            };
            let flight = self.flight(&server, None);
            match self
                .attempt_upload(&server, &song.stated, &mut source)
                .await?
            {
                Ok(mut upload) => {
                    flight.land(Ending::Alive);
                    if perhaps_added && upload.outcome == Outcome::AlreadyThere {
                        upload.outcome = source.outcome(&upload.song, began);
                    }
                    return Ok(upload);
                }
                Err(Ended {
                    failed,
                    perhaps_added: perhaps,
                }) => {
                    flight.land(ending(&failed));
                    if matches!(failed.how, How::Final | How::Conflict) {
                        return Err(failed.error);
                    }
                    tracing::info!(server = %server.base, error = %failed.error, "an upload goes on elsewhere");
                    perhaps_added |= perhaps;
                    if perhaps && may_have_added(&failed.error) {
                        unsure = Some(failed.error);
                    } else {
                        failures.add(failed);
                    }
                    deadline = Instant::now() + self.config.deadline;
                }
            }
        }
    }

    /// Sends the upload to one server. The outer error is the caller's: its stream broke.
    async fn attempt_upload(
        &self,
        server: &Server,
        stated: &Stated,
        source: &mut Source,
    ) -> Result<Result<Upload, Ended>> {
        let (parts, body) = mpsc::channel(PIECES_WAITING);
        let request = self
            .request(Method::POST, &server.base, paths::SONGS)
            .query(&UploadParameters::new(stated))
            .body(body_of(body));
        let mut answer = Box::pin(self.answer(server, request));
        let early = tokio::select! {
            biased;
            early = &mut answer => Err(early),
            sent = source.send(parts, self.config.upload_stall_timeout) => Ok(sent),
            () = self.silent(server) => Err(Err(Failed::silent(&server.base))),
        };
        let (whole, answer) = match early {
            Err(early) => (false, early),
            Ok(Sent::Broke(error)) => {
                // The server shall see a broken body before the caller hears of it.
                let _ = timeout(LAST_WORDS, answer).await;
                return Err(error);
            }
            Ok(Sent::Stalled) => (
                false,
                Err(Failed::timeout(self.config.upload_stall_timeout)),
            ),
            Ok(Sent::NotWanted) => match timeout(LAST_WORDS, answer).await {
                Ok(answer) => (false, answer),
                Err(_) => (false, Err(Failed::timeout(LAST_WORDS))),
            },
            Ok(Sent::Whole) => {
                let limit = self.config.upload_answer_timeout;
                (true, self.within(server, limit, answer).await.flatten())
            }
        };
        Ok(answer.map_err(|mut failed| {
            if matches!(failed.error, Error::Body { .. }) {
                // The caller's stream did not break, so it was the way to this server that did.
                failed.how = How::Failing;
            }
            // A connection that broke hides what became of the request.
            let broke = matches!(failed.error, Error::Unreachable { .. });
            let hidden = broke && failed.how != How::Misdirected;
            Ended {
                perhaps_added: whole && (hidden || may_have_added(&failed.error)),
                failed,
            }
        }))
    }

    async fn answer(
        &self,
        server: &Server,
        request: reqwest::RequestBuilder,
    ) -> Result<Upload, Failed> {
        let response = exchange::send(&server.base, request).await?;
        let nonsense = |what| Failed::nonsense(&server.base, what);
        let outcome = match response.status() {
            StatusCode::CREATED => Outcome::Added,
            StatusCode::OK => Outcome::AlreadyThere,
            status => return Err(nonsense(format!("{status} to an upload"))),
        };
        // Servers of before say it by their status alone.
        let told = response.headers().get(OUTCOME);
        let told = told.and_then(|name| Outcome::named(name.to_str().ok()?));
        let outcome = told.unwrap_or(outcome);
        let names = response.headers().get(FROM_PATH);
        let names = names.and_then(|names| names.to_str().ok()).unwrap_or("");
        let from_path = FromPath::of(names.split(',').map(str::trim));
        let body = exchange::body(&server.base, response, SONG_BYTES_MAX).await?;
        let song = kadenza_api::read::<SongJson<'_>>(&body)
            .and_then(SongJson::parse)
            .map_err(nonsense)?;
        Ok(Upload {
            song,
            outcome,
            from_path,
        })
    }
}

/// The ending of an upload that failed. A server that cannot store now may still answer questions.
fn ending(failed: &Failed) -> Ending {
    match (failed.how, &failed.error) {
        (How::Final | How::Absent | How::Conflict, _)
        | (_, Error::Full { .. } | Error::TooFew { .. }) => Ending::Alive,
        _ => failed.ending(Duration::ZERO),
    }
}

/// Whether a song may have been added although this was the answer, as the error is defined.
fn may_have_added(error: &Error) -> bool {
    matches!(
        error,
        Error::Timeout { .. }
            | Error::TooFew { .. }
            | Error::Protocol { .. }
            | Error::Storage { .. }
    )
}

/// The body of a request, from its parts. If the parts stop coming without [`Part::End`], the body breaks off.
fn body_of(parts: mpsc::Receiver<Part>) -> Body {
    Body::wrap_stream(stream::unfold(Some(parts), |parts| async move {
        let mut parts = parts?;
        match parts.recv().await {
            Some(Part::Piece(piece)) => Some((Ok(piece), Some(parts))),
            Some(Part::End) => None,
            None => Some((Err(GivenUp), None)),
        }
    }))
}

/// The caller's stream, and what was read of it.
struct Source {
    stream: AudioStream,
    /// Read, but not kept yet: so that no piece is lost when sending is given up in between.
    pending: Option<Bytes>,
    spool: Spool,
    /// How many bytes were read of the stream and are not pending.
    read: u64,
    ended: bool,
    hasher: blake3::Hasher,
}

impl Source {
    fn new(stream: AudioStream, spool: Spool) -> Source {
        Source {
            stream,
            pending: None,
            spool,
            read: 0,
            ended: false,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Whether the first byte is still at hand.
    fn can_begin(&self) -> bool {
        self.spool.is_whole()
    }

    /// Sends everything, what is kept first.
    async fn send(&mut self, parts: mpsc::Sender<Part>, stall: Duration) -> Sent {
        let mut at = 0;
        loop {
            let mut piece = match self.piece(at).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => return Sent::Broke(error),
            };
            at += piece.len() as u64;
            while !piece.is_empty() {
                let part = piece.split_to(piece.len().min(PIECE_BYTES_MAX));
                match timeout(stall, parts.send(Part::Piece(part))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Sent::NotWanted,
                    Err(_) => return Sent::Stalled,
                }
            }
        }
        match timeout(stall, parts.send(Part::End)).await {
            Ok(Ok(())) => Sent::Whole,
            Ok(Err(_)) => Sent::NotWanted,
            Err(_) => Sent::Stalled,
        }
    }

    /// The piece at a position: from the spool, or behind its end from the stream.
    async fn piece(&mut self, at: u64) -> Result<Option<Bytes>> {
        if at < self.read {
            return match self.spool.read(at).await {
                Ok(piece) => Ok(Some(piece)),
                Err(cause) => Err(unreadable(cause)),
            };
        }
        if self.pending.is_none() && !self.ended {
            match self.stream.next().await {
                Some(Ok(piece)) => self.pending = Some(piece),
                Some(Err(error)) => return Err(body_error(error)),
                None => self.ended = true,
            }
        }
        let Some(piece) = &self.pending else {
            return Ok(None);
        };
        let piece = piece.clone();
        self.spool.add(&piece).await;
        self.pending = None;
        self.read += piece.len() as u64;
        self.hasher.update(&piece);
        Ok(Some(piece))
    }

    /// What became of an upload that is *already there* at its repetition: whether the song has the very
    /// bytes that were sent, taken in since this upload began.
    fn outcome(&self, song: &Song, began: Timestamp) -> Outcome {
        let content = ContentHash::from_bytes(*self.hasher.finalize().as_bytes());
        let earliest = began.checked_sub(CLOCKS_APART).unwrap_or(began);
        let is_new = |recording: &&Recording| recording.added_at >= earliest;
        match song.recording(&content).filter(is_new) {
            Some(ours) if self.ended => {
                let others = song.recordings().iter();
                let is_first = others.map(|other| other.added_at).min() == Some(ours.added_at);
                if is_first {
                    Outcome::Added
                } else {
                    Outcome::RecordingAdded
                }
            }
            _ => Outcome::AlreadyThere,
        }
    }
}

/// The caller's own error stays what it is where it says more than that the stream broke.
fn body_error(error: Error) -> Error {
    match error {
        Error::Body { .. } | Error::TooLarge { .. } => error,
        error => Error::Body {
            cause: Box::new(error),
        },
    }
}

fn unreadable(cause: io::Error) -> Error {
    Error::Storage {
        doing: "reading back an upload that is sent again",
        cause: Box::new(cause),
    }
}

#[cfg(test)]
mod tests;
