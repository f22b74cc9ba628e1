//! A library in memory: the contract, obeyed in the most obvious way.
//!
//! It is what the suite is tried on first, and what broken services are made from. Searching is
//! [`Query::page`] over everything, which is the definition of a right answer; nothing here is fast.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Cause, ContentHash, Copies, Credential,
    DetailText, Details, Entry, Error, Format, FromPath, Group, Lyrics, MusicService, Names,
    NewSong, Outcome, PIXELS_MAX, Page, Partial, Query, Recording, RecordingCopies, Result, Song,
    SongId, Stated, Status, Tags, Upload,
};
use lofty::{
    file::{AudioFile as _, FileType, TaggedFile, TaggedFileExt as _},
    picture::PictureType,
    probe::Probe,
    tag::{Accessor as _, ItemKey},
};
use parking_lot::RwLock;

use crate::conformance::{Machines, Running, Stack, UPLOAD_BYTES_MAX};

/// How large the pieces of a stream are.
const PIECE: usize = 64 << 10;

/// A library in memory.
#[derive(Debug, Default)]
pub struct Memory {
    songs: RwLock<HashMap<SongId, Kept>>,
    /// Whether lists lack every other song, as if a machine that has it were away.
    lacks: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    song: Song,
    files: HashMap<ContentHash, File>,
}

/// The audio of a recording, and the cover in it.
#[derive(Debug)]
struct File {
    audio: Bytes,
    cover: Option<Artwork>,
    lyrics: Option<Lyrics>,
}

impl Memory {
    fn all(&self) -> Vec<Song> {
        self.songs
            .read()
            .values()
            .map(|kept| kept.song.clone())
            .collect()
    }

    /// How many songs there are.
    pub(crate) fn len(&self) -> usize {
        self.songs.read().len()
    }

    /// See [`MusicService::search`].
    pub(crate) fn page_of(&self, query: &Query) -> Page<Entry> {
        self.told(query.page(self.listed()))
    }

    /// The songs that lists know.
    fn listed(&self) -> Vec<Song> {
        let mut songs = self.all();
        if self.lacks.load(Ordering::Relaxed) {
            songs.sort_by_key(|song| *song.id().as_bytes());
            songs = songs.into_iter().step_by(2).collect();
        }
        songs
    }

    fn told<T>(&self, page: Page<T>) -> Page<T> {
        let lacks = self.lacks.load(Ordering::Relaxed);
        let partial = lacks.then(|| Partial::new(["192.0.2.1:4534".to_owned()]));
        Page { partial, ..page }
    }

    /// See [`Running::reach`].
    pub(crate) fn reach(&self, machines: Machines) {
        let lacks = machines == Machines::TooFew;
        self.lacks.store(lacks, Ordering::Relaxed);
    }

    /// Takes a song in, or another recording of it, unless this audio of it is there.
    pub(crate) fn keep(&self, audio: Bytes, stated: &Stated) -> Result<Upload> {
        let (song, file, from_path) = read(audio, stated)?;
        let content = song.best().content;
        let mut songs = self.songs.write();
        let Some(there) = songs.get_mut(&song.id()) else {
            let outcome = Outcome::Added;
            let files = HashMap::from([(content, file)]);
            let kept = Kept {
                song: song.clone(),
                files,
            };
            songs.insert(song.id(), kept);
            return Ok(Upload {
                song,
                outcome,
                from_path,
            });
        };
        there.song.admits(&content)?;
        let outcome = if there.files.contains_key(&content) {
            Outcome::AlreadyThere
        } else {
            there.song.merge(&song);
            there.files.insert(content, file);
            Outcome::RecordingAdded
        };
        let song = there.song.clone();
        Ok(Upload {
            song,
            outcome,
            from_path,
        })
    }

    /// Breaks the contract: songs are never deleted.
    pub(crate) fn forget(&self, id: &SongId) {
        self.songs.write().remove(id);
    }
}

#[async_trait]
impl MusicService for Memory {
    /// It does not look at who asks.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        Ok(self.songs.read().get(id).map(|kept| kept.song.clone()))
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        let song = self.songs.read().get(id).map(|kept| kept.song.clone());
        Ok(song.map(|song| {
            let recordings = song.recordings().iter().map(|recording| RecordingCopies {
                content_hash: recording.content,
                copies: 1,
                needed: 1,
            });
            Copies {
                recordings: recordings.collect(),
            }
        }))
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        Ok(self.page_of(query))
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        Ok(self.told(browse.page(&self.listed())))
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        let NewSong { stated, mut audio } = song;
        let mut bytes = Vec::new();
        while let Some(piece) = audio.try_next().await? {
            if (bytes.len() + piece.len()) as u64 > UPLOAD_BYTES_MAX {
                return Err(Error::TooLarge {
                    limit: UPLOAD_BYTES_MAX,
                });
            }
            bytes.extend_from_slice(&piece);
        }
        self.keep(bytes.into(), &stated)
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let songs = self.songs.read();
        let Some(kept) = songs.get(&request.song) else {
            return Ok(None);
        };
        let recording = match &request.recording {
            Some(wanted) => kept.song.recording(wanted),
            None => Some(kept.song.best()),
        };
        let Some((recording, file)) =
            recording.and_then(|of| Some((of.clone(), kept.files.get(&of.content)?)))
        else {
            return Ok(None);
        };
        let range = request.range.within(recording.size)?;
        // Within the size of bytes that are in memory, so it fits.
        let part = file.audio.slice(range.start as usize..range.end as usize);
        let pieces = stream::unfold(part, |mut rest| async move {
            let piece = rest.split_to(PIECE.min(rest.len()));
            (!piece.is_empty()).then_some((Ok(piece), rest))
        });
        let stream = pieces.boxed();
        Ok(Some(Audio {
            recording,
            range,
            stream,
        }))
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        let songs = self.songs.read();
        let lyrics = songs.get(id).and_then(|kept| {
            let mut recordings = kept.song.recordings().iter();
            recordings.find_map(|of| kept.files.get(&of.content)?.lyrics.clone())
        });
        Ok(lyrics)
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        let cover = {
            let songs = self.songs.read();
            songs.get(&request.song).and_then(|kept| {
                let mut recordings = kept.song.recordings().iter();
                recordings.find_map(|of| kept.files.get(&of.content)?.cover.clone())
            })
        };
        match (cover, request.size) {
            (Some(cover), Some(size)) => scaled(cover, size).map(Some),
            (cover, _) => Ok(cover),
        }
    }

    async fn status(&self) -> Result<Status> {
        let songs = self.songs.read();
        Ok(Status {
            songs: songs.len() as u64,
            bytes: songs
                .values()
                .flat_map(|kept| kept.files.values())
                .map(|file| file.audio.len() as u64)
                .sum(),
            ..Status::default()
        })
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Makes a song of a file.
fn read(audio: Bytes, stated: &Stated) -> Result<(Song, File, FromPath)> {
    let not_audio = |what: String| Error::NotAudio { what };
    let probe = Probe::new(Cursor::new(&audio)).guess_file_type();
    let file = probe
        .map_err(|error| not_audio(error.to_string()))?
        .read()
        .map_err(|error| not_audio(error.to_string()))?;
    let format = match file.file_type() {
        FileType::Wav => Format::Wav,
        FileType::Flac => Format::Flac,
        FileType::Mpeg => Format::Mp3,
        FileType::Vorbis => Format::OggVorbis,
        FileType::Opus => Format::Opus,
        other => return Err(not_audio(format!("{other:?} is not kept here"))),
    };
    let (tags, from_path) = tags(&file, stated)?;
    let picture = file.tags().iter().flat_map(|tag| tag.pictures());
    let picture = picture.min_by_key(|picture| picture.pic_type() != PictureType::CoverFront);
    let cover = picture.map(|picture| Artwork {
        content_type: image::guess_format(picture.data())
            .map_or("application/octet-stream", |format| format.to_mime_type())
            .to_owned(),
        bytes: Bytes::copy_from_slice(picture.data()),
    });
    let lyrics = file.tags().iter().find_map(|tag| {
        let keys = [ItemKey::Lyrics, ItemKey::UnsyncLyrics];
        keys.iter()
            .find_map(|key| Lyrics::of(tag.get_string(*key)?))
    });
    let properties = file.properties();
    // To the millisecond, as everywhere.
    let now = jiff::Timestamp::now().as_millisecond();
    let song = Song::new(Recording {
        content: ContentHash::of(&audio),
        format,
        size: audio.len() as u64,
        duration_ms: u64::try_from(properties.duration().as_millis())
            .ok()
            .filter(|ms| *ms > 0),
        bit_rate: properties.audio_bitrate().filter(|rate| *rate > 0),
        tags,
        has_artwork: cover.is_some(),
        added_at: jiff::Timestamp::from_millisecond(now).map_err(|error| Error::Storage {
            doing: "reading the clock",
            cause: Cause::from(error),
        })?,
        reader: 0,
    });
    let file = File {
        audio,
        cover,
        lyrics,
    };
    Ok((song, file, from_path))
}

/// The tags, and which names are from the path. Of paths, only `NN - Artist - Title.ending` is understood.
fn tags(file: &TaggedFile, stated: &Stated) -> Result<(Tags, FromPath)> {
    let tag = file.primary_tag().or_else(|| file.first_tag());
    let file_name = stated
        .path
        .as_deref()
        .and_then(|path| path.rsplit('/').next());
    let parts: Vec<&str> = file_name
        .and_then(|name| name.rsplit_once('.'))
        .map(|(stem, _)| stem.split(" - ").collect())
        .unwrap_or_default();
    let mut from_path = FromPath::default();
    let text = |stated: &Option<String>, read: Option<Cow<'_, str>>, at: usize| {
        let known = stated.clone().or_else(|| read.map(Cow::into_owned));
        match (known, parts.get(at)) {
            (Some(known), _) => (known, false),
            (None, Some(part)) => ((*part).to_owned(), true),
            (None, None) => (String::new(), false),
        }
    };
    let (title, title_is_from_path) = text(&stated.title, tag.and_then(|tag| tag.title()), 2);
    let values = |key| {
        let strings = tag.into_iter().flat_map(move |tag| tag.get_strings(key));
        Names::new(strings)
    };
    let read = [values(ItemKey::TrackArtist), values(ItemKey::AlbumArtist)];
    let read = read.into_iter().find(|names| !names.is_empty());
    let artists = match stated.artists.is_empty() {
        false => Some(Names::new(stated.artists.iter().map(String::as_str))),
        true => read,
    };
    let artist_is_from_path = artists.is_none() && parts.len() > 1;
    let artists = artists.unwrap_or_else(|| Names::new(parts.get(1).copied()));
    let (album, _) = text(&stated.album, tag.and_then(|tag| tag.album()), usize::MAX);
    from_path.title = title_is_from_path;
    from_path.artist = artist_is_from_path;
    let track = parts.first().and_then(|part| part.parse().ok());
    let composers = values(ItemKey::Composer);
    let composers = composers
        .values()
        .fold(Details::default(), |details, name| {
            details.with_text(DetailText::Composers, name)
        });
    let album_artists = match stated.album_artists.is_empty() {
        false => Names::new(stated.album_artists.iter().map(String::as_str)),
        true => values(ItemKey::AlbumArtist),
    };
    let is_compilation = values(ItemKey::FlagCompilation).joined() == "1";
    let tags = Tags::new(&title, "", &album)?
        .with_artists(artists)
        .with_track(tag.and_then(|tag| tag.track()).or(track))
        .with_disc(tag.and_then(|tag| tag.disk()))
        .with_year(tag.and_then(|tag| Some(u32::from(tag.date()?.year))))
        .with_genres(values(ItemKey::Genre))
        .with_album_artists(&album_artists)
        .with_compilation(is_compilation)
        .with_details(composers);
    Ok((tags, from_path))
}

fn scaled(cover: Artwork, size: u32) -> Result<Artwork> {
    if !(1..=PIXELS_MAX).contains(&size) {
        return Err(Error::Invalid {
            what: format!("a cover has from 1 to {PIXELS_MAX} pixels"),
        });
    }
    let broken = |error: image::ImageError| Error::Damaged {
        what: format!("the cover: {error}"),
    };
    let picture = image::load_from_memory(&cover.bytes).map_err(broken)?;
    if picture.width().max(picture.height()) <= size {
        return Ok(cover);
    }
    let mut png = Cursor::new(Vec::new());
    picture
        .thumbnail(size, size)
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(broken)?;
    Ok(Artwork {
        content_type: "image/png".into(),
        bytes: png.into_inner().into(),
    })
}

/// The stack that is a [`Memory`] alone.
#[derive(Debug)]
pub struct InMemory;

#[async_trait]
impl Stack for InMemory {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        Ok(Box::new(Alone(Arc::new(Memory::default()))))
    }
}

/// A service that lives in memory and has nothing to stop.
#[derive(Debug)]
struct Alone(Arc<Memory>);

#[async_trait]
impl Running for Alone {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::clone(&self.0) as Arc<dyn MusicService>
    }

    async fn restart(&mut self) -> Result<bool, String> {
        Ok(false)
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        self.0.reach(machines);
        Ok(true)
    }

    async fn stop(self: Box<Self>) {}
}
