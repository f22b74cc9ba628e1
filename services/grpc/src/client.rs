//! A library in another process as if it were here.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status as Answer};

use super::{
    Parsed, answers,
    client_config::ClientConfig,
    failure::{Refused, late, nonsense},
    lines::{Lines, RETRY_PAUSE, Stub},
    listening, proto, sending,
};
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, LyricsLine, MusicService, NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};

/// The service that another process offers, at a [`serve`](super::serve).
///
/// Clones share their connections, which are made when they are needed and made again when they
/// were lost: a backend that was away is used again as soon as it is back. While it is away, calls
/// end in [`Error::Unreachable`] after little more than [`ClientConfig::connect_timeout`].
///
/// A question whose connection was lost is asked once more, which is safe: questions change nothing.
/// An upload is begun again only if nothing of it was sent yet. One whose acknowledgement was lost
/// ends in [`Error::Timeout`], since the song may be there; repeating it is safe.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    place: String,
    lines: Lines,
    config: ClientConfig,
}

impl Client {
    /// A client of the backend at a host (an IPv6 address without brackets) and a port. It connects
    /// when it is first asked something. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if this is no host.
    pub fn new(host: &str, port: u16, config: ClientConfig) -> Result<Client> {
        let scheme = match config.roots {
            Some(_) => "grpcs",
            None => "grpc",
        };
        let place = match host.contains(':') {
            true => format!("{scheme}://[{host}]:{port}"),
            false => format!("{scheme}://{host}:{port}"),
        };
        let lines = Lines::new(host, port, &config)?;
        Ok(Client {
            shared: Arc::new(Shared {
                place,
                lines,
                config,
            }),
        })
    }

    /// Asks a question: within the deadline, and once more if the connection was lost.
    async fn ask<Q, A, F>(
        &self,
        question: Q,
        call: impl Fn(Stub, Request<Q>) -> F,
    ) -> Result<A, Refused>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Answer>>,
    {
        let Shared { lines, config, .. } = &*self.shared;
        let deadline = Instant::now() + config.deadline;
        once_more(async || {
            let mut request = Request::new(question.clone());
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            match timeout_at(deadline, call(lines.question(), request)).await {
                Ok(Ok(answer)) => Ok(answer.into_inner()),
                Ok(Err(status)) => Err(self.read(&status)),
                Err(_) => Err(late(config.deadline)),
            }
        })
        .await
    }

    fn read(&self, status: &Answer) -> Refused {
        Refused::read(status, &self.shared.place, self.shared.config.deadline)
    }

    /// The error of a call that has no clear no.
    fn error(&self, refused: Refused) -> Error {
        refused.into_error(&self.shared.place)
    }

    fn sound<T>(&self, parsed: Parsed<T>) -> Result<T> {
        parsed.map_err(|what| nonsense(&self.shared.place, what))
    }

    fn ensure(&self, holds: bool, what: &str) -> Result<()> {
        self.sound(holds.then_some(()).ok_or_else(|| what.to_owned()))
    }
}

/// Makes an attempt, and one more if its connection was lost.
async fn once_more<T, F>(attempt: impl Fn() -> F) -> Result<T, Refused>
where
    F: Future<Output = Result<T, Refused>>,
{
    match attempt().await {
        Err(Refused::Lost(_)) => {
            tokio::time::sleep(RETRY_PAUSE).await;
            attempt().await
        }
        answered => answered,
    }
}

/// A clear no is an answer; all else is an error.
fn found<T>(client: &Client, answered: Result<T, Refused>) -> Result<Option<T>> {
    match answered {
        Ok(answer) => Ok(Some(answer)),
        Err(Refused::Absent) => Ok(None),
        Err(refused) => Err(client.error(refused)),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.shared.place).finish()
    }
}

#[async_trait]
impl MusicService for Client {
    /// A backend does not ask who it is: it is for servers, which do.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        let question = proto::GetSongRequest {
            id: super::songs::bytes(id.as_bytes()),
            with_copies: false,
        };
        let answered = self
            .ask(question, |mut stub, question| async move {
                stub.get_song(question).await
            })
            .await;
        let Some(answer) = found(self, answered)? else {
            return Ok(None);
        };
        let song = self.sound(super::songs::song(answer.song))?;
        self.ensure(song.id() == *id, "another song than the one asked for")?;
        Ok(Some(song))
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        let question = proto::GetSongRequest {
            id: super::songs::bytes(id.as_bytes()),
            with_copies: true,
        };
        let answered = self
            .ask(question, |mut stub, question| async move {
                stub.get_song(question).await
            })
            .await;
        let Some(answer) = found(self, answered)? else {
            return Ok(None);
        };
        self.sound(super::songs::counted(&answer.copies)).map(Some)
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        let answer = self
            .ask(
                proto::SearchSongsRequest::from(query),
                |mut stub, question| async move { stub.search_songs(question).await },
            )
            .await
            .map_err(|refused| self.error(refused))?;
        let page = self.sound(answers::songs(answer))?;
        self.ensure(
            page.items.len() <= query.limit.get(),
            "more songs than asked for",
        )?;
        Ok(page)
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        let answer = self
            .ask(
                proto::BrowseGroupsRequest::from(browse),
                |mut stub, question| async move { stub.browse_groups(question).await },
            )
            .await
            .map_err(|refused| self.error(refused))?;
        let page = self.sound(answers::groups(answer))?;
        self.ensure(
            page.items.len() <= browse.limit.get(),
            "more groups than asked for",
        )?;
        Ok(page)
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        let Shared {
            place,
            lines,
            config,
        } = &*self.shared;
        let answer = sending::upload(lines, config, place, song).await?;
        self.sound(answers::upload(answer))
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let Shared {
            place,
            lines,
            config,
        } = &*self.shared;
        let opened = once_more(|| listening::audio(lines, config, place, request)).await;
        found(self, opened)
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        let question = proto::GetLyricsRequest {
            song_id: super::songs::bytes(id.as_bytes()),
        };
        let answered = self
            .ask(question, |mut stub, question| async move {
                stub.get_lyrics(question).await
            })
            .await;
        Ok(found(self, answered)?.map(|answer| {
            let lines = answer.synced.into_iter().map(|line| LyricsLine {
                at_ms: line.at_ms,
                text: line.text,
            });
            Lyrics {
                plain: answer.plain,
                synced: lines.collect(),
            }
        }))
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        let Shared {
            place,
            lines,
            config,
        } = &*self.shared;
        let opened = once_more(|| listening::artwork(lines, config, place, request)).await;
        found(self, opened)
    }

    async fn status(&self) -> Result<Status> {
        let answer = self
            .ask(
                proto::GetStatusRequest {},
                |mut stub, question| async move { stub.get_status(question).await },
            )
            .await
            .map_err(|refused| self.error(refused))?;
        self.sound(answers::status(answer.status))
    }

    async fn servers(&self) -> Result<Vec<String>> {
        let answer = self
            .ask(
                proto::ListServersRequest {},
                |mut stub, question| async move { stub.list_servers(question).await },
            )
            .await
            .map_err(|refused| self.error(refused))?;
        Ok(answer.urls)
    }
}
