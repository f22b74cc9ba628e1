//! The calls that are offered: each checks what it is asked, asks the service within the client's
//! deadline, and words the answer.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming};

use super::{
    super::{
        Parsed, answers,
        failure::{absent, status_of},
        proto::{self, get_artwork_response, stream_audio_response},
        questions, songs,
    },
    config::ServerConfig,
    deadline::Deadline,
    incoming,
    outgoing::{Feeding, in_pieces},
};
use kadenza_contract::{Error, MusicService, NewSong};

type Answered<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The state that all calls share.
#[derive(Debug)]
pub(super) struct Calls {
    service: Arc<dyn MusicService>,
    config: ServerConfig,
    calls: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    feeding: Feeding,
}

impl Calls {
    pub(super) fn new(
        service: Arc<dyn MusicService>,
        config: ServerConfig,
        tasks: TaskTracker,
        cut: CancellationToken,
    ) -> Calls {
        Calls {
            service,
            calls: Arc::new(Semaphore::new(config.calls_max)),
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            feeding: Feeding {
                tasks,
                cut,
                patience: config.listener_idle_deadline,
            },
            config,
        }
    }

    /// A place among the calls under way.
    fn admit(&self) -> Result<OwnedSemaphorePermit, Status> {
        let place = Arc::clone(&self.calls).try_acquire_owned();
        place.map_err(|_| status_of(&Error::Busy))
    }

    /// Asks the service within the deadlines of both sides.
    async fn ask<T>(
        &self,
        deadline: Deadline,
        answer: impl Future<Output = kadenza_contract::Result<T>>,
    ) -> Result<T, Status> {
        let answer = deadline.at_most(self.config.deadline).within(answer).await;
        answer.map_err(|error| status_of(&error))
    }
}

/// A question that makes sense, or its refusal.
fn sound<T>(parsed: Parsed<T>) -> Result<T, Status> {
    parsed.map_err(|what| status_of(&Error::Invalid { what }))
}

#[tonic::async_trait]
impl proto::music_service_server::MusicService for Calls {
    type StreamAudioStream = Answers<proto::StreamAudioResponse>;
    type GetArtworkStream = Answers<proto::GetArtworkResponse>;

    async fn get_song(
        &self,
        request: Request<proto::GetSongRequest>,
    ) -> Answered<proto::GetSongResponse> {
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let id = sound(songs::song_id(&request.get_ref().id))?;
        let both = async {
            let song = self.service.song(&id).await?;
            let copies = match request.get_ref().with_copies {
                true => self.service.copies(&id).await?,
                false => None,
            };
            Ok((song, copies))
        };
        let (song, copies) = self.ask(deadline, both).await?;
        Ok(Response::new(proto::GetSongResponse {
            song: Some((&song.ok_or_else(absent)?).into()),
            copies: copies.iter().flat_map(songs::copies).collect(),
        }))
    }

    async fn get_lyrics(
        &self,
        request: Request<proto::GetLyricsRequest>,
    ) -> Answered<proto::GetLyricsResponse> {
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let id = sound(songs::song_id(&request.get_ref().song_id))?;
        let lyrics = self.ask(deadline, self.service.lyrics(&id)).await?;
        let lyrics = lyrics.ok_or_else(absent)?;
        let lines = lyrics.synced.into_iter();
        let lines = lines.map(|line| proto::get_lyrics_response::Line {
            at_ms: line.at_ms,
            text: line.text,
        });
        Ok(Response::new(proto::GetLyricsResponse {
            plain: lyrics.plain,
            synced: lines.collect(),
        }))
    }

    async fn search_songs(
        &self,
        request: Request<proto::SearchSongsRequest>,
    ) -> Answered<proto::SearchSongsResponse> {
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let query = sound(questions::query(request.into_inner()))?;
        let page = self.ask(deadline, self.service.search(&query)).await?;
        let answer = answers::of_songs(&page, |song| query.key(song));
        Ok(Response::new(answer))
    }

    async fn browse_groups(
        &self,
        request: Request<proto::BrowseGroupsRequest>,
    ) -> Answered<proto::BrowseGroupsResponse> {
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let browse = sound(questions::browse(request.into_inner()))?;
        let page = self.ask(deadline, self.service.browse(&browse)).await?;
        let answer = answers::of_groups(&page, |group| Some(browse.key(group)));
        Ok(Response::new(answer))
    }

    async fn upload_song(
        &self,
        request: Request<Streaming<proto::UploadSongRequest>>,
    ) -> Answered<proto::UploadSongResponse> {
        let _place = self.admit()?;
        let _upload = self
            .uploads
            .try_acquire()
            .map_err(|_| status_of(&Error::Busy))?;
        // How long an upload takes is up to the client; only what it waits for is bounded here.
        let deadline = Deadline::of(request.metadata());
        let mut messages = request.into_inner();
        let patience = self.config.upload_idle_deadline;
        let uploading = async {
            let stated = incoming::stated(&mut messages, patience).await?;
            let song = NewSong {
                stated: questions::stated(stated),
                audio: incoming::audio(messages, patience),
            };
            self.service.upload(song).await
        };
        let uploaded = deadline.within(uploading).await;
        let upload = uploaded.map_err(|error| status_of(&error))?;
        Ok(Response::new((&upload).into()))
    }

    async fn stream_audio(
        &self,
        request: Request<proto::StreamAudioRequest>,
    ) -> Answered<Self::StreamAudioStream> {
        use stream_audio_response::{Head, Part};
        let place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let wanted = sound(questions::audio(request.get_ref()))?;
        let audio = self.ask(deadline, self.service.audio(&wanted)).await?;
        let audio = audio.ok_or_else(absent)?;
        let head = Part::Head(Head {
            recording: Some((&audio.recording).into()),
            start: audio.range.start,
            end: audio.range.end,
        });
        let pieces = self.feeding.pieces(audio, deadline, place);
        let parts = stream::iter([Ok(head)]).chain(pieces.map(|piece| piece.map(Part::Piece)));
        let answers =
            parts.map(|part| part.map(|part| proto::StreamAudioResponse { part: Some(part) }));
        Ok(Response::new(answers.boxed()))
    }

    async fn get_artwork(
        &self,
        request: Request<proto::GetArtworkRequest>,
    ) -> Answered<Self::GetArtworkStream> {
        use get_artwork_response::{Head, Part};
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let wanted = sound(questions::artwork(request.get_ref()))?;
        let artwork = self.ask(deadline, self.service.artwork(&wanted)).await?;
        let artwork = artwork.ok_or_else(absent)?;
        let head = Part::Head(Head {
            size: artwork.bytes.len() as u64,
            content_type: artwork.content_type,
        });
        // It is in memory already, and shared with others who ask for it.
        let parts = std::iter::once(head).chain(in_pieces(artwork.bytes).map(Part::Piece));
        let answers = parts.map(|part| Ok(proto::GetArtworkResponse { part: Some(part) }));
        Ok(Response::new(stream::iter(answers).boxed()))
    }

    async fn get_status(
        &self,
        request: Request<proto::GetStatusRequest>,
    ) -> Answered<proto::GetStatusResponse> {
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let status = self.ask(deadline, self.service.status()).await?;
        Ok(Response::new(proto::GetStatusResponse {
            status: Some((&status).into()),
        }))
    }

    async fn list_servers(
        &self,
        request: Request<proto::ListServersRequest>,
    ) -> Answered<proto::ListServersResponse> {
        let _place = self.admit()?;
        let deadline = Deadline::of(request.metadata());
        let urls = self.ask(deadline, self.service.servers()).await?;
        Ok(Response::new(proto::ListServersResponse { urls }))
    }
}
