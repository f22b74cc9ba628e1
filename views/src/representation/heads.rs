//! The headers of audio, made once for each recording and remembered.
//!
//! A player asks for the same recording again and again, a piece at a time. Encoding its name, its
//! date and its hash for each of them would cost as much as finding the bytes.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use kadenza_api::server_timing::SERVER_TIMING;
use kadenza_contract::{ContentHash, Recording, SongId};
use quick_cache::sync::Cache;

use super::{conditional::Validators, disposition};

/// How many recordings are remembered; each takes a few kilobytes at most.
const HEADS_MAX: usize = 1024;
/// Room for all headers of an answer, so that the map does not grow step by step.
const HEADERS: usize = 16;
/// A placeholder, which each answer replaces with its own value.
const PLACE: HeaderValue = HeaderValue::from_static("");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");
/// The path of a song may lead to another recording later: clients ask each time, which costs a 304.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// Audio that is named by its hash never changes. A year is the usual way to say for ever.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// The headers that all answers with one recording share.
#[derive(Debug)]
pub(crate) struct Head {
    recording: Recording,
    pub(crate) validators: Validators,
    headers: HeaderMap,
}

impl Head {
    fn new(recording: &Recording) -> Head {
        let validators = Validators::new(recording.content, recording.added_at.as_second());
        let media_type = recording.format.content_type();
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        headers.insert(header::LAST_MODIFIED, validators.last_modified());
        headers.insert(header::ETAG, validators.etag.clone());
        headers.insert(header::ACCEPT_RANGES, BYTES);
        headers.insert(header::CONTENT_DISPOSITION, disposition::inline(recording));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        // Places for what each answer puts in: replacing is cheaper than adding.
        headers.insert(header::CONTENT_RANGE, PLACE);
        headers.insert(SERVER_TIMING, PLACE);
        Head {
            recording: recording.clone(),
            validators,
            headers,
        }
    }

    /// The headers of an answer with a part of the recording.
    pub(crate) fn of_part(&self, pinned: bool, range: HeaderValue) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_RANGE, range);
        if pinned {
            headers.insert(header::CACHE_CONTROL, FOREVER);
        }
        headers
    }

    /// The headers of an answer with the whole recording, or several parts of it.
    pub(crate) fn of_all(&self, pinned: bool) -> HeaderMap {
        let mut headers = self.of_part(pinned, PLACE);
        headers.remove(header::CONTENT_RANGE);
        headers
    }

    /// The headers of an answer that says that the client has it already.
    pub(crate) fn of_none(&self, pinned: bool) -> HeaderMap {
        const KEPT: [HeaderName; 3] = [header::CACHE_CONTROL, header::LAST_MODIFIED, header::ETAG];
        let all = self.of_all(pinned);
        KEPT.into_iter()
            .filter_map(|name| Some((name.clone(), all.get(name)?.clone())))
            .collect()
    }
}

/// The heads of recordings that were asked for.
#[derive(Debug)]
pub(crate) struct Heads(Cache<(SongId, ContentHash), Arc<Head>>);

impl Default for Heads {
    fn default() -> Heads {
        Heads(Cache::new(HEADS_MAX))
    }
}

impl Heads {
    /// The head of a recording of a song. A head that is remembered counts only while the recording is
    /// described as it was: a merge may change how a title is written.
    pub(crate) fn of(&self, song: SongId, recording: &Recording) -> Arc<Head> {
        let key = (song, recording.content);
        if let Some(head) = self.0.get(&key)
            && head.recording == *recording
        {
            return head;
        }
        let head = Arc::new(Head::new(recording));
        self.0.insert(key, Arc::clone(&head));
        head
    }
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{Format, Tags};

    use super::*;

    fn recording(title: &str, n: u64) -> Recording {
        Recording {
            content: ContentHash::of(&n.to_be_bytes()),
            format: Format::Flac,
            size: 1,
            duration_ms: Some(1),
            bit_rate: Some(1),
            tags: Tags::new(title, "", "").unwrap(),
            has_artwork: false,
            added_at: jiff::Timestamp::UNIX_EPOCH,
            reader: 0,
        }
    }

    #[test]
    fn a_head_follows_its_recording() {
        let heads = Heads::default();
        let name = |title: &str| {
            let recording = recording(title, 0);
            let head = heads.of(recording.tags.song_id(), &recording);
            head.of_all(false)[header::CONTENT_DISPOSITION].clone()
        };
        assert_eq!(name("song"), "inline; filename*=UTF-8''song.flac");
        // The same song and the same audio, written in another way.
        assert_eq!(name("SONG"), "inline; filename*=UTF-8''SONG.flac");
    }

    #[test]
    fn no_place_is_left_empty() {
        let recording = recording("t", 0);
        let head = Heads::default().of(recording.tags.song_id(), &recording);
        for headers in [head.of_all(true), head.of_none(true)] {
            assert!(!headers.contains_key(header::CONTENT_RANGE));
            assert_eq!(headers[header::CACHE_CONTROL], FOREVER);
        }
        let empty = |headers: HeaderMap| headers.values().filter(|v| v.is_empty()).count();
        // The time is put in when the answer is finished.
        assert_eq!(empty(head.of_part(false, HeaderValue::from_static("x"))), 1);
    }

    #[test]
    fn heads_are_bounded() {
        let heads = Heads::default();
        for n in 0..3 * HEADS_MAX as u64 {
            let recording = recording("t", n);
            heads.of(recording.tags.song_id(), &recording);
            assert!(heads.0.len() <= HEADS_MAX);
        }
    }
}
