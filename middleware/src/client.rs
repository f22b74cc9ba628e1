//! The handle: [`MusicService`] in terms of HTTP questions.

use std::{cmp::Reverse, fmt, sync::Arc};

use async_trait::async_trait;
use kadenza_api::{
    ArtworkParameters, BrowseParameters, ForgetParameters, GroupJson, PageJson, SearchParameters,
    SongJson, StatusJson, Unreadable, paths,
};
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, MusicService, NewSong, PIXELS_MAX, Page, Query, Result, Song, SongId, Status, Upload,
};
use kadenza_notes::Notes;
use reqwest::{Method, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::{
    accounts::RemoteAccounts,
    asker::Asker,
    attempts::{SONG_BYTES_MAX, resume},
    base::Base,
    choice::{Kind, Server},
    config::ClientConfig,
    http::{
        exchange::{self, Failed, absent_is_none},
        partial::Wanted,
    },
    shared::Shared,
};

/// How much of a page is read for each item that it may have, and at most, in bytes. An item has
/// texts of at most 16 KiB for each of at most eight recordings; nearly all are far smaller.
const ITEM_BYTES_MAX: usize = 256 << 10;
const PAGE_BYTES_MAX: usize = 32 << 20;
/// The largest cover that is read, in bytes.
const ARTWORK_BYTES_MAX: usize = 16 << 20;
/// The largest status that is read, in bytes.
const STATUS_BYTES_MAX: usize = 4 << 20;

/// Many servers as one music service.
///
/// Any server answers for the whole service. A question goes to a healthy and fast one, and to the
/// next when that one is down, slow or failing; `Err` is returned when none answered within the
/// limits of the [`ClientConfig`]. A page that may lack something is given only if no server has a whole one. Audio goes on from the same byte on another server when one
/// dies.
///
/// An upload is kept while it is sent, in memory and then in a temporary file, and sent again when
/// a server dies; since a song exists once, that is safe. When an acknowledgement is lost and the
/// repeat finds the song there, it is reported as added if it has the very bytes that were sent,
/// taken in since the upload began, and as already there otherwise.
///
/// Servers that are out are probed, and new ones learned, by short tasks beside calls; there is
/// nothing to shut down. Cloning is cheap, and clones share everything.
///
/// Who asks is shown to the servers by [`ClientConfig::credential`], or else by
/// [`for_caller`](MusicService::for_caller), which gives a client for somebody else that shares all the rest.
#[derive(Clone)]
pub struct Client {
    asker: Asker,
}

impl Client {
    /// A client of these servers, each a URL such as `http://127.0.0.1:4533`. Connects to nothing
    /// yet. Its calls need a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no server, or one of them is no such URL.
    pub fn new<S>(servers: S, mut config: ClientConfig) -> Result<Client>
    where
        S: IntoIterator,
        S::Item: AsRef<str>,
    {
        let servers: Result<Vec<Base>> = servers
            .into_iter()
            .map(|server| Base::parse(server.as_ref()))
            .collect();
        let servers = servers?;
        if servers.is_empty() {
            return Err(Error::Invalid {
                what: "no server is given: name at least one, like http://127.0.0.1:4533".into(),
            });
        }
        let credential = config.credential.take();
        let shared = Arc::new(Shared::new(servers, config)?);
        Ok(Client {
            asker: Asker::new(shared, credential.as_ref()),
        })
    }

    /// The accounts of the servers, for a server that stands in front of them.
    #[must_use]
    pub fn accounts(&self) -> RemoteAccounts {
        RemoteAccounts::over(&self.asker)
    }

    /// Tells the first of the configured servers to hand its share on to the others and stop.
    /// Asked once: no other server can answer for this one.
    ///
    /// # Errors
    ///
    /// What the server answers, or [`Error::Unreachable`] or [`Error::Timeout`] if it does not;
    /// it may be leaving all the same after a timeout.
    pub async fn leave(&self) -> Result<()> {
        self.tell_the_first(paths::LEAVE, &()).await
    }

    /// Tells the first of the configured servers to count on a member of its network no longer, by the id of
    /// that node. Asked once.
    ///
    /// # Errors
    ///
    /// What the server answers, or [`Error::Unreachable`] or [`Error::Timeout`] if it does not.
    pub async fn forget(&self, node: String) -> Result<()> {
        let parameters = ForgetParameters { node };
        self.tell_the_first(paths::FORGET, &parameters).await
    }

    async fn tell_the_first(&self, path: &str, parameters: &(impl Serialize + Sync)) -> Result<()> {
        let Some(server) = self.asker.with(|state, _| state.pool.first()) else {
            return Ok(());
        };
        let limit = self.asker.config.leave_timeout;
        let request = self.asker.request(Method::POST, &server.base, path);
        let request = request.query(parameters);
        match timeout(limit, exchange::send(&server.base, request)).await {
            Ok(answer) => answer.map(|_| ()).map_err(|failed| failed.error),
            Err(_) => Err(Error::Timeout { waited: limit }),
        }
    }

    /// Asks for a page of at most `limit` items. Where a server knows only a part, another may know all.
    async fn page<T, U>(
        &self,
        kind: Kind,
        path: &str,
        parameters: &(impl Serialize + Sync),
        limit: usize,
        parse: impl Fn(T) -> Result<Page<U>, Unreadable> + Send + Sync,
    ) -> Result<Page<U>>
    where
        T: DeserializeOwned + Send,
        U: Send,
    {
        let parse = &parse;
        let ask = |server| async move {
            self.asker
                .json_of(&server, path, parameters, page_bytes_max(limit), parse)
                .await
        };
        let lack = |page: &Page<U>| {
            let partial = page.partial.as_ref()?;
            Some((partial.missing().len(), Reverse(page.items.len())))
        };
        self.asker.read_whole(kind, ask, lack).await
    }

    /// Asks for something of a song, which may have none, or not be there.
    async fn about_a_song<T: DeserializeOwned, U: Send>(
        &self,
        path: &str,
        parse: &(impl Fn(T) -> Result<U, Unreadable> + Sync),
    ) -> Result<Option<U>> {
        let ask = |server| async move {
            absent_is_none(
                self.asker
                    .json_of(&server, path, &(), SONG_BYTES_MAX, parse)
                    .await,
            )
        };
        self.asker.read(Kind::Song, ask).await
    }
}

#[async_trait]
impl MusicService for Client {
    fn for_caller(&self, credential: &Credential) -> Option<Arc<dyn MusicService>> {
        let asker = self.asker.another(Some(credential));
        Some(Arc::new(Client { asker }))
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        let parse = |song: SongJson<'_>| song.parse_as(id);
        self.about_a_song(&paths::song(id), &parse).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.about_a_song(&paths::copies(id), &Ok::<Copies, _>)
            .await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        if query
            .text
            .as_ref()
            .is_some_and(|text| text.words().is_empty())
        {
            // Such a text fits no song, but over HTTP an empty text is no text, which fits all.
            return Ok(Page::whole(Vec::new(), None));
        }
        let limit = query.limit.get();
        let parameters = SearchParameters::new(query);
        let parse = |page: PageJson<SongJson<'_>>| page.parse(limit, SongJson::parse_in_list);
        self.page(Kind::Search, paths::SONGS, &parameters, limit, parse)
            .await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        let limit = browse.limit.get();
        let path = paths::groups(browse.kind);
        let parameters = BrowseParameters::new(browse);
        let parse = |page: PageJson<GroupJson<'_>>| page.parse(limit, |group| Ok(group.parse()));
        self.page(Kind::Browse, path, &parameters, limit, parse)
            .await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.asker.send_upload(song).await
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let AudioRequest {
            song,
            recording,
            range,
        } = request;
        if range.end.is_some_and(|end| end <= range.start) {
            // HTTP has no word for a range without bytes; what it means depends on the size.
            let Some(found) = self.song(song).await? else {
                return Ok(None);
            };
            let found = match recording {
                Some(content) => found.recording(content),
                None => Some(found.best()),
            };
            let Some(recording) = found.cloned() else {
                return Ok(None);
            };
            return Ok(Some(Audio {
                range: range.within(recording.size)?,
                recording,
                stream: Box::pin(futures_util::stream::empty()),
            }));
        }
        let wanted = Wanted {
            range: *range,
            content: *recording,
            size: None,
        };
        let wanted = &wanted;
        self.asker
            .read(Kind::Audio, |server| async move {
                absent_is_none(self.open(server, song, wanted).await)
            })
            .await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        self.about_a_song(&paths::lyrics(id), &Ok::<Lyrics, _>)
            .await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        if request
            .size
            .is_some_and(|size| !(1..=PIXELS_MAX).contains(&size))
        {
            return Err(Error::Invalid {
                what: format!("the size of a cover must be from 1 to {PIXELS_MAX} pixels"),
            });
        }
        let path = &paths::artwork(&request.song);
        let parameters = &ArtworkParameters::new(request.size);
        self.asker
            .read(Kind::Artwork, |server| async move {
                absent_is_none(self.picture(&server, path, parameters).await)
            })
            .await
    }

    async fn status(&self) -> Result<Status> {
        let parse = &|answer: StatusJson| Ok(answer.status);
        let ask = |server| async move {
            self.asker
                .json_of(&server, paths::STATUS, &(), STATUS_BYTES_MAX, parse)
                .await
        };
        self.asker.read(Kind::Status, ask).await
    }

    async fn servers(&self) -> Result<Vec<String>> {
        self.asker.look_after_servers();
        let ranked = self.asker.with(|state, now| state.pool.ranked(now));
        Ok(ranked
            .iter()
            .map(|server| server.base.to_string())
            .collect())
    }
}

impl Client {
    /// Opens audio at one server.
    async fn open(&self, server: Server, song: &SongId, wanted: &Wanted) -> Result<Audio, Failed> {
        let (response, part) = self.asker.open_audio(&server, song, wanted).await?;
        let nonsense = |what: &str| Failed::nonsense(&server.base, what);
        let recording = match self.asker.remembered(song, &part.content) {
            Some(recording) => recording,
            None => {
                // The same server is asked, since it is the one that knows this recording.
                let path = paths::song(song);
                let parse = |found: SongJson<'_>| found.parse_as(song);
                // The caches behind this answer are not those of the audio, so their notes are dropped.
                let (found, _) =
                    Notes::collect(
                        self.asker
                            .json_of(&server, &path, &(), SONG_BYTES_MAX, &parse),
                    )
                    .await;
                let found = absent_is_none(found)?.ok_or_else(|| nonsense("audio of no song"))?;
                let recording = found
                    .recording(&part.content)
                    .ok_or_else(|| nonsense("audio of no recording of the song"))?;
                self.asker.remember(*song, recording.clone());
                recording.clone()
            }
        };
        if recording.size != part.size {
            return Err(nonsense("audio of another size than its recording"));
        }
        let stream = resume::stream(self.asker.clone(), *song, server, response, &part);
        Ok(Audio {
            recording,
            range: part.range,
            stream,
        })
    }

    /// Fetches a cover from one server.
    async fn picture(
        &self,
        server: &Server,
        path: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<Artwork, Failed> {
        let request = self.asker.get(&server.base, path).query(parameters);
        let response = exchange::send(&server.base, request).await?;
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .filter(|content_type| content_type.starts_with("image/"))
            .ok_or_else(|| Failed::nonsense(&server.base, "a cover that is no picture"))?
            .to_owned();
        let bytes = exchange::body(&server.base, response, ARTWORK_BYTES_MAX).await?;
        Ok(Artwork {
            content_type,
            bytes,
        })
    }
}

fn page_bytes_max(items: usize) -> usize {
    PAGE_BYTES_MAX.min(SONG_BYTES_MAX + items * ITEM_BYTES_MAX)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.asker.with(|state, _| state.pool.len());
        f.debug_struct("Client")
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}
