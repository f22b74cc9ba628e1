//! The contract between the layers: one trait, implemented by all of them.
//!
//! The promises are defined here and nowhere else; the conformance suite in
//! `integration-tests` has a check for each sentence.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Group, Lyrics,
    NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};

/// Holds songs and answers for them.
///
/// A server is a stack of these; a caller cannot tell how high. Taking a layer out changes how
/// fast or how safe the answer is, never what the answer means.
///
/// # Contract
///
/// - An absent song is `Ok(None)`, and no hits are an empty page. An `Err` says that the question
///   was not answered.
/// - A page that may lack something says so ([`Page::partial`]); any other holds all that was acknowledged. Both go
///   through every layer as they are, and no layer remembers a partial page.
/// - An acknowledged [`upload`](MusicService::upload) is durable, and from then on
///   [`song`](MusicService::song), [`search`](MusicService::search),
///   [`browse`](MusicService::browse) and [`audio`](MusicService::audio) know it.
/// - Songs and recordings are never deleted, and a song changes only by gaining recordings.
/// - Any number of calls may be under way at once.
/// - Dropping the future of a call gives it up. An upload given up has happened entirely or not
///   at all.
#[async_trait]
pub trait MusicService: fmt::Debug + Send + Sync + 'static {
    /// The same service as a caller with this credential asks it; `None` where nothing below looks at who asks, so
    /// that it is asked as it is.
    ///
    /// Nothing else changes: both know the same songs, and what one remembers the other does too. Whoever asks for
    /// people calls this for each of them, and nobody's credential is shown for anybody else. A layer over other
    /// services hands it on to them.
    fn for_caller(&self, credential: &Credential) -> Option<Arc<dyn MusicService>>;

    /// Looks a song up by its id.
    async fn song(&self, id: &SongId) -> Result<Option<Song>>;

    /// On how many machines the recordings of a song are, counted now. An acknowledged recording is on as
    /// many as must hold it while those machines are within reach. `Ok(None)` where there is no such song.
    async fn copies(&self, id: &SongId) -> Result<Option<Copies>>;

    /// The songs that fit a query, a page of them, in the order that [`Query::key`] defines. A list of an
    /// album has an [`Entry`] for each place that a song has on it; other lists have each song once.
    ///
    /// The order depends on the query and the songs alone. Following [`Page::next`] to the end
    /// gives every song that was there when the first page was asked for, each exactly once; on a list of an
    /// album, a place that gains a better recording meanwhile may be given once more.
    async fn search(&self, query: &Query) -> Result<Page<Entry>>;

    /// The artists, albums or genres that there are, a page of them, in alphabetical order.
    ///
    /// The counts of a [`Group`] may lag behind uploads of the last seconds that a machine missed;
    /// that the group exists does not.
    async fn browse(&self, browse: &Browse) -> Result<Page<Group>>;

    /// Adds a song. A song is known by its names: other audio of a song that is there is added as another
    /// recording of it, and audio that the song has already is left as it is. Both are successes, and
    /// [`Upload::outcome`] tells them apart.
    ///
    /// The names that the uploader states win over the tags in the file. The upload is all or nothing:
    /// after an error nothing of it can be found, save where the error itself says that this is
    /// unknown, and repeating it is always safe.
    ///
    /// # Errors
    ///
    /// [`Error::NotAudio`](crate::Error::NotAudio), [`Error::NoTitle`](crate::Error::NoTitle),
    /// [`Error::TooLarge`](crate::Error::TooLarge) and
    /// [`Error::TooManyRecordings`](crate::Error::TooManyRecordings) refuse the song;
    /// [`Error::Body`](crate::Error::Body) says that the stream given by the caller broke.
    async fn upload(&self, song: NewSong) -> Result<Upload>;

    /// Opens the audio of a song, or a range of its bytes: of the recording that is asked for, or else
    /// of the best one that is held.
    ///
    /// The bytes are those that were uploaded, or the stream ends in an error: never other bytes,
    /// and never a silent early end. `Ok(None)` where there is no such song, or the song has no
    /// such recording.
    ///
    /// # Errors
    ///
    /// [`Error::Range`](crate::Error::Range) if the range begins at or behind the end.
    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>>;

    /// The cover of a song. `Ok(None)` where there is no such song or it has no cover.
    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>>;

    /// The lyrics of a song: of the best recording that is held and has some. `Ok(None)` where there is no such
    /// song or it has none.
    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>>;

    /// How the service is: songs, machines, copies, as they were some seconds ago at most. All machines may be asked for
    /// it, and so it is not for a hot path.
    async fn status(&self) -> Result<Status>;

    /// The base URLs (`http://HOST:PORT`) at which this same service is known to be offered, the
    /// best known first. Empty where the service knows of none, as a library alone does.
    async fn servers(&self) -> Result<Vec<String>>;
}
