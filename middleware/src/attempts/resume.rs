//! Audio on its way to a listener, across the death of servers.
//!
//! The stream knows which byte comes next. When the server that feeds it dies, falls silent, or
//! ends too early, the rest is asked of another one: the same recording (`?recording=`), from that
//! byte (`Range`), and only if it is the same audio (`If-Range` and the strong `ETag`, which is its
//! hash). The listener sees no error as long as any server has the song, and never a wrong byte.
//!
//! The next piece is fetched when it is asked for, so a slow listener slows the server through the
//! window of TCP. Only while the listener waits can a server be found silent.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_api::{AudioParameters, paths};
use kadenza_contract::{AudioStream, ByteRange, ContentHash, Result, SongId};
use reqwest::{
    Response,
    header::{IF_RANGE, RANGE},
};
use tokio::time::Instant;

use super::failures::Failures;
use crate::{
    asker::Asker,
    choice::{Ending, Kind, Route, Server, WhenSpent},
    http::{
        exchange::{self, Failed, How},
        partial::{AudioPart, Wanted},
    },
};

/// How many bytes a server must give for a resumption to count as progress. Fewer, and a server
/// that always breaks off early could keep a stream busy for ever.
const PROGRESS_MIN: u64 = 64 << 10;
/// How many times servers are asked for the rest without progress.
const RESUMED_MAX: u32 = 12;

impl Asker {
    /// Asks one server for audio; the body is yet to be read.
    pub(crate) async fn open_audio(
        &self,
        server: &Server,
        song: &SongId,
        wanted: &Wanted,
    ) -> Result<(Response, AudioPart), Failed> {
        let parameters = AudioParameters::new(wanted.content);
        let request = self.get(&server.base, &paths::audio(song));
        let mut request = request.query(&parameters);
        if let Some(range) = wanted.range_header() {
            request = request.header(RANGE, range);
            if let Some(content) = &wanted.content {
                request = request.header(IF_RANGE, format!("\"{content}\""));
            }
        }
        let response = exchange::send(&server.base, request).await?;
        let part = wanted
            .check(response.status(), response.headers())
            .map_err(|what| Failed::nonsense(&server.base, what))?;
        Ok((response, part))
    }
}

/// The audio that an answer begins, as a stream that outlives its server.
pub(crate) fn stream(
    asker: Asker,
    song: SongId,
    server: Server,
    response: Response,
    part: &AudioPart,
) -> AudioStream {
    let listening = Listening {
        route: resumption(),
        asker,
        song,
        content: part.content,
        size: part.size,
        next: part.range.start,
        end: part.range.end,
        source: Some((server, response)),
        fresh: 0,
        handed_at: Instant::now(),
    };
    stream::unfold(Some(listening), |listening| async move {
        let mut listening = listening?;
        match listening.piece().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(listening))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

fn resumption() -> Route {
    Route::new(RESUMED_MAX, WhenSpent::Wait)
}

/// A listener's place in a song.
struct Listening {
    asker: Asker,
    song: SongId,
    content: ContentHash,
    /// The size of the whole audio.
    size: u64,
    /// The next byte.
    next: u64,
    /// The byte behind the last.
    end: u64,
    source: Option<(Server, Response)>,
    /// How many bytes the source has given.
    fresh: u64,
    /// When the listener got its last piece.
    handed_at: Instant,
    /// The way of the resumptions since there was progress.
    route: Route,
}

impl Listening {
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        // How long the listener took over the last piece is not the server's fault.
        let idle = self.handed_at.elapsed();
        let mut failures = Failures::default();
        loop {
            if self.next == self.end {
                return Ok(None);
            }
            let Some((server, response)) = &mut self.source else {
                self.resume(&mut failures).await?;
                continue;
            };
            let limit = self.asker.config.stall_timeout;
            let piece = self.asker.within(server, limit, response.chunk());
            let lost = match piece.await {
                Ok(Ok(Some(piece))) => {
                    let length = piece.len() as u64;
                    if length <= self.end - self.next {
                        self.next += length;
                        self.fresh += length;
                        self.handed_at = Instant::now();
                        if piece.is_empty() {
                            continue;
                        }
                        return Ok(Some(piece));
                    }
                    Failed::nonsense(&server.base, "more audio than was asked for")
                }
                Ok(Ok(None)) => Failed::nonsense(&server.base, "audio that ended too early"),
                Ok(Err(error)) => Failed::broken(&server.base, error),
                Err(failed) => failed,
            };
            tracing::info!(song = %self.song, at = self.next, error = %lost.error, "a song goes on elsewhere");
            self.lose(idle);
            failures.add(lost);
        }
    }

    /// The source is lost. A server that cut a listener off who took nothing for long may be well.
    fn lose(&mut self, idle: Duration) {
        let Some((server, _)) = self.source.take() else {
            return;
        };
        if idle < self.asker.config.stall_timeout {
            let took = Duration::ZERO;
            self.asker.note(&server, Ending::Gone { took });
        }
        if self.fresh >= PROGRESS_MIN {
            self.route = resumption();
        }
        self.route.avoid(server.id);
        self.fresh = 0;
    }

    /// Finds a server to go on with.
    async fn resume(&mut self, failures: &mut Failures) -> Result<()> {
        let asker = self.asker.clone();
        let deadline = Instant::now() + asker.config.deadline;
        let wanted = Wanted {
            range: ByteRange::from(self.next..self.end),
            content: Some(self.content),
            size: Some(self.size),
        };
        loop {
            let Some(server) = asker.next(&mut self.route, deadline).await else {
                return Err(std::mem::take(failures).into_error(asker.config.deadline));
            };
            let limit = asker.config.stall_timeout;
            let flight = asker.flight(&server, Some(Kind::Audio));
            let opening = asker.open_audio(&server, &self.song, &wanted);
            let opened = asker.within(&server, limit, opening).await.flatten();
            let took = flight.took();
            match opened {
                Ok((response, _)) => {
                    flight.land(Ending::Answered { took });
                    self.source = Some((server, response));
                    return Ok(());
                }
                Err(failed) if failed.error.is_about_caller() => {
                    flight.land(failed.ending(took));
                    return Err(failed.error);
                }
                Err(failed) => {
                    // The song was there a moment ago and songs are never deleted: whatever this
                    // server says instead, another may have it still.
                    flight.land(match failed.how {
                        How::Final | How::Absent | How::Conflict => Ending::Failed { took },
                        _ => failed.ending(took),
                    });
                    failures.add(failed);
                }
            }
        }
    }
}
