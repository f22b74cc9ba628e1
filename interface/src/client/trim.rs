//! Audio from a point in time on, for `listen --from`.
//!
//! Nothing is decoded. In WAV, time is in proportion to bytes: the rest gets a header of its own,
//! and is a whole file again. MP3 and AAC in ADTS are sequences of frames, and a decoder can begin
//! anywhere: the position is estimated by proportion, which is nearly right if the bit rate is
//! constant. The other containers have tables and headers without which the rest cannot be played.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_contract::{Audio, AudioRequest, AudioStream, ByteRange, Format, MusicService};

use kadenza_terminal::note;

use crate::{fault::Fault, output};

/// How far into a WAV file its audio may begin. Chunks before it hold tags, seldom a cover.
const WAV_HEAD_BYTES_MAX: u64 = 1024 * 1024;

/// Opens a range of the audio of a song.
///
/// # Errors
///
/// [`Fault::Failed`] if there is no such song, or it has no such recording.
pub(crate) async fn open(
    service: &impl MusicService,
    request: &AudioRequest,
) -> Result<Audio, Fault> {
    let absent = || {
        let song = request.song;
        Fault::Failed(match request.recording {
            Some(content) => format!("there is no recording {content} of a song {song}"),
            None => format!("there is no song {song}"),
        })
    };
    service.audio(request).await?.ok_or_else(absent)
}

/// Opens the audio of a song from a point in time on.
///
/// # Errors
///
/// [`Fault::Failed`] if there is no such song, it is shorter, or its format cannot be cut.
pub(crate) async fn open_from(
    service: &impl MusicService,
    request: &AudioRequest,
    seconds: f64,
) -> Result<AudioStream, Fault> {
    let song = request.song;
    let beginning = AudioRequest {
        range: ByteRange::from(0..WAV_HEAD_BYTES_MAX),
        ..request.clone()
    };
    let head = open(service, &beginning).await?;
    let recording = head.recording.clone();
    let request = |range: Range<u64>| AudioRequest {
        song,
        recording: Some(recording.content),
        range: range.into(),
    };
    let from = match recording.format {
        Format::Wav => {
            let head = collect(head.stream).await?;
            let wav = Wav::parse(&head, recording.size).ok_or_else(|| {
                Fault::Failed("the WAV header of the song makes no sense: it cannot be cut".into())
            })?;
            let data = wav.from(seconds).ok_or_else(|| too_short(wav.duration()))?;
            let header = wav.header(data.end - data.start);
            let rest = reopen(service, &request(data)).await?;
            return Ok(stream::iter(header.map(Ok)).chain(rest).boxed());
        }
        Format::Mp3 | Format::Aac => {
            let tag = id3_bytes(&collect(head.stream.take(1).boxed()).await?);
            let Some(duration_ms) = recording.duration_ms else {
                return Err(Fault::Failed(
                    "the file does not tell how long it lasts: it cannot be cut".into(),
                ));
            };
            let duration = duration_ms as f64 / 1000.0;
            if seconds >= duration {
                return Err(too_short(duration));
            }
            note("kadenza: the beginning is near the time asked for, not exactly there");
            let audio = recording.size.saturating_sub(tag) as f64;
            tag + (audio * (seconds / duration)) as u64
        }
        format @ (Format::M4aAac
        | Format::M4aAlac
        | Format::Flac
        | Format::OggVorbis
        | Format::Opus
        | Format::Aiff
        | Format::OggFlac
        | Format::Speex
        | Format::M4aFlac
        | Format::WavPack
        | Format::Musepack
        | Format::MonkeysAudio
        | Format::Matroska
        | Format::Webm) => {
            return Err(Fault::Failed(format!(
                "--from works with WAV, MP3 and AAC; a file of {} cannot be played without its beginning",
                format.extension()
            )));
        }
    };
    reopen(service, &request(from..recording.size)).await
}

async fn reopen(service: &impl MusicService, request: &AudioRequest) -> Result<AudioStream, Fault> {
    let audio = service.audio(request).await?;
    let gone = || Fault::Failed(format!("the song {} has gone meanwhile", request.song));
    Ok(audio.ok_or_else(gone)?.stream)
}

async fn collect(mut stream: AudioStream) -> Result<Bytes, Fault> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn too_short(seconds: f64) -> Fault {
    let duration = output::minutes(Some((seconds * 1000.0) as u64));
    Fault::Failed(format!("the song lasts {duration}: --from must be less"))
}

/// The bytes of an ID3v2 tag at the beginning, 0 if there is none (id3.org, ID3v2.4 § 3.1).
fn id3_bytes(head: &[u8]) -> u64 {
    match head {
        [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] => {
            let size = [a, b, c, d]
                .iter()
                .fold(0, |size, byte| size << 7 | u64::from(**byte & 0x7f));
            let footer = if flags & 0x10 == 0 { 0 } else { 10 };
            10 + size + footer
        }
        _ => 0,
    }
}

/// The parts of a WAV file that cutting it needs (IBM and Microsoft, "Multimedia Programming
/// Interface and Data Specifications 1.0", 1991).
#[derive(Debug)]
struct Wav {
    format: Bytes,
    bytes_per_second: u64,
    bytes_per_frame: u64,
    data: Range<u64>,
}

impl Wav {
    /// Reads the chunks before the audio. `None` if they are not within `head` or make no sense.
    fn parse(head: &Bytes, size: u64) -> Option<Wav> {
        if !matches!(head.get(0..4)?, b"RIFF" | b"RF64") || head.get(8..12)? != b"WAVE" {
            return None;
        }
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let mut format = None;
        let mut large = None;
        let mut at = 12;
        loop {
            let (id, bytes) = (head.get(at..at + 4)?, number(at + 4)? as usize);
            let begin = at + 8;
            if id == b"data" {
                let format: Bytes = format?;
                let word = |at: usize| {
                    format
                        .get(at..at + 2)?
                        .try_into()
                        .ok()
                        .map(u16::from_le_bytes)
                };
                let rate = u32::from_le_bytes(format.get(8..12)?.try_into().ok()?);
                // A recording that was broken off states the size 0 or the largest one: the file's
                // end counts then.
                let end = match (bytes as u64, large) {
                    (0, _) => size,
                    (0xffff_ffff, Some(bytes)) => size.min((begin as u64).checked_add(bytes)?),
                    (bytes, _) => size.min(begin as u64 + bytes),
                };
                return Some(Wav {
                    bytes_per_second: u64::from(rate),
                    bytes_per_frame: u64::from(word(12)?),
                    format,
                    data: begin as u64..end,
                })
                .filter(|wav| wav.bytes_per_second > 0 && wav.bytes_per_frame > 0);
            }
            // The size of the audio of an RF64 file (EBU Tech 3306), behind the size of the file.
            if id == b"ds64" {
                let stated = head.get(begin + 8..begin + 16)?.try_into().ok()?;
                large = Some(u64::from_le_bytes(stated));
            }
            if id == b"fmt " {
                format = Some(
                    head.slice(begin..)
                        .get(..bytes)
                        .map(Bytes::copy_from_slice)?,
                );
            }
            // Chunks begin at even places.
            at = begin.checked_add(bytes)?.checked_add(bytes & 1)?;
        }
    }

    fn duration(&self) -> f64 {
        (self.data.end - self.data.start) as f64 / self.bytes_per_second as f64
    }

    /// The bytes of the audio from a point in time on; `None` behind the end.
    fn from(&self, seconds: f64) -> Option<Range<u64>> {
        let frames = (seconds * self.bytes_per_second as f64) as u64 / self.bytes_per_frame;
        let start = frames
            .checked_mul(self.bytes_per_frame)?
            .checked_add(self.data.start)?;
        (start < self.data.end).then_some(start..self.data.end)
    }

    /// The head of a file with the same format and this much audio.
    fn header(&self, data_bytes: u64) -> [Bytes; 1] {
        let format_bytes = self.format.len() as u64;
        let clamp = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        let mut head = BytesMut::with_capacity(self.format.len() + 29);
        head.put_slice(b"RIFF");
        let padding = format_bytes & 1;
        head.put_u32_le(clamp(4 + 8 + format_bytes + padding + 8 + data_bytes));
        head.put_slice(b"WAVEfmt ");
        head.put_u32_le(clamp(format_bytes));
        head.put_slice(&self.format);
        head.put_bytes(0, padding as usize);
        head.put_slice(b"data");
        head.put_u32_le(clamp(data_bytes));
        [head.freeze()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000 bytes a second, 2 a frame, an odd chunk before the audio.
    fn wav(data: usize, stated: u32) -> Bytes {
        let mut file = BytesMut::new();
        file.put_slice(b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0");
        file.put_u32_le(500);
        file.put_u32_le(1000);
        file.put_slice(b"\x02\0\x10\0data");
        file.put_u32_le(stated);
        file.extend((0..data).map(|at| at as u8));
        file.freeze()
    }

    #[test]
    fn a_wav_is_cut_at_a_frame_and_the_rest_is_a_wav() {
        let file = wav(2000, 2000);
        let parsed = Wav::parse(&file, file.len() as u64).unwrap();
        assert_eq!(parsed.duration(), 2.0);
        let rest = parsed.from(0.5011).unwrap();
        assert_eq!(rest.start - parsed.data.start, 500);
        let mut cut = BytesMut::from(&parsed.header(rest.end - rest.start)[0][..]);
        cut.extend_from_slice(&file[rest.start as usize..]);
        let again = Wav::parse(&cut.freeze(), 44 + 1500).unwrap();
        assert_eq!(again.data, 44..1544);
        assert!(parsed.from(2.0).is_none());
        assert!(parsed.from(1e300).is_none());
    }

    #[test]
    fn a_wav_that_states_no_size_ends_with_the_file() {
        for stated in [0, u32::MAX] {
            let file = wav(100, stated);
            let size = file.len() as u64;
            assert_eq!(Wav::parse(&file, size).unwrap().data.end, size);
        }
    }

    #[test]
    fn the_audio_of_a_large_wav_ends_before_the_chunks_behind_it() {
        let plain = wav(100, u32::MAX);
        let mut file = BytesMut::from(&b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0"[..]);
        for size in [0u64, 100, 50] {
            file.put_u64_le(size);
        }
        file.put_u32_le(0);
        file.put_slice(&plain[12..]);
        file.put_slice(b"LIST\x04\0\0\0abcd");
        let file = file.freeze();
        let data = Wav::parse(&file, file.len() as u64).unwrap().data;
        assert_eq!(data.end, file.len() as u64 - 12);
        assert_eq!(data.end - data.start, 100);
    }

    #[test]
    fn no_beginning_of_a_wav_breaks_the_parser() {
        let file = wav(10, 10);
        for end in 0..file.len() {
            for place in 0..end {
                let mut broken = BytesMut::from(&file[..end]);
                broken[place] = 0xff;
                let _ = Wav::parse(&broken.freeze(), end as u64);
            }
        }
    }

    #[test]
    fn a_tag_before_the_frames_does_not_count_as_music() {
        assert_eq!(id3_bytes(b"ID3\x04\0\0\0\0\x02\x01rest"), 10 + 257);
        assert_eq!(id3_bytes(b"\xff\xfb\x90\0"), 0);
    }
}
