//! Durations are counted where no header tells them, or where it tells what is not so.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{
    counted::{ClusterAt, alac_in_fragments, matroska_of, wav_of, wavpack_of},
    made::{adts, flac, opus, opus_from, wav},
    mpeg::{Id3, frame, frames, latin},
    open, real_data,
};
use kadenza_contract::{Error, Format, MusicServiceExt, Recording, Stated};

async fn read(file: Vec<u8>) -> Result<Recording, Error> {
    let directory = tempfile::tempdir().unwrap();
    let stated = Stated {
        title: Some("Title".into()),
        ..Stated::default()
    };
    let library = open(&directory).await;
    let uploaded = library.upload_bytes(file.into(), stated).await?;
    Ok(uploaded.song.best().clone())
}

async fn lasts(file: Vec<u8>) -> u64 {
    read(file).await.unwrap().duration_ms.unwrap()
}

fn near(lasts: u64, expected: u64) -> bool {
    lasts.abs_diff(expected) * 100 <= expected
}

/// Frames of 32 and of 320 kbit/s in turn.
fn variable(count: usize) -> Vec<u8> {
    [frame(0x10, 104), frame(0xe0, 1044)]
        .concat()
        .repeat(count / 2)
}

/// The frame that states how many others follow, and how many bytes they have with it.
fn xing(count: u32, bytes: u32) -> Vec<u8> {
    let mut first = frame(0x90, 417);
    first[36..44].copy_from_slice(b"Xing\0\0\0\x03");
    first[44..48].copy_from_slice(&count.to_be_bytes());
    first[48..52].copy_from_slice(&(bytes + 417).to_be_bytes());
    first
}

#[tokio::test]
async fn frames_without_a_head_are_counted() {
    // 400 frames of 26.122 ms.
    assert!(near(lasts(variable(400)).await, 10_449));
    let constant = read(frames(400)).await.unwrap();
    assert!(near(constant.duration_ms.unwrap(), 10_449));
    assert_eq!(constant.bit_rate, Some(128));
    // What stands at the end is no audio.
    let tag = [&b"TAG"[..], &[0; 125]].concat();
    let ape = [
        &b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
        &[0; 1968],
    ]
    .concat();
    let foot = b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let tagged = [variable(400), ape, foot.to_vec(), tag].concat();
    assert!(near(lasts(tagged).await, 10_449));
}

#[tokio::test]
async fn a_head_is_believed_only_if_it_fits_the_file() {
    let bytes = variable(400).len() as u32;
    let whole = [xing(400, bytes), variable(400)].concat();
    assert!(near(lasts(whole.clone()).await, 10_449));
    // Joined, with and without a tag in between.
    assert!(near(
        lasts([whole.clone(), whole.clone()].concat()).await,
        20_898
    ));
    let tag = Id3 {
        version: 3,
        ..Id3::default()
    }
    .tag(&[("TIT2", latin("Second"))]);
    assert!(near(
        lasts([&whole[..], &tag, &whole].concat()).await,
        20_898
    ));
    // Cut short.
    assert!(near(lasts(whole[..whole.len() / 2].to_vec()).await, 5224));
    // A hole in the middle.
    let middle = whole.len() / 2;
    let holed = [&whole[..middle], &vec![0; 40_000], &whole[middle..]].concat();
    assert!(near(lasts(holed).await, 10_449));
}

#[tokio::test]
async fn frames_of_adts_are_counted() {
    let file: Vec<u8> = (0..430).flat_map(|n| adts(40 + n % 500)).collect();
    let read = read(file).await.unwrap();
    assert_eq!(read.format, Format::Aac);
    assert!(near(read.duration_ms.unwrap(), 9985), "{read:?}");
}

#[tokio::test]
async fn the_last_frame_of_a_flac_tells_its_length() {
    // 40 frames of 4,096 samples last 3,715 ms.
    for stated in [40 * 4096, 40 * 4096 - 100, 0, 400 * 4096] {
        let lasts = lasts(flac(stated, 40)).await;
        assert!(near(lasts, 3715), "{stated}: {lasts}");
    }
    let whole = flac(40 * 4096, 40);
    let cut = lasts(whole[..whole.len() - 14 * 10 - 7].to_vec()).await;
    assert!(cut < 2800, "{cut}");
    // A tag behind the audio hides none of it.
    let tagged = [whole, b"APETAGEX".to_vec(), vec![0x55; 300_000]].concat();
    assert!(near(lasts(tagged).await, 3715));
}

#[tokio::test]
async fn chained_streams_last_as_long_as_all_of_them() {
    assert_eq!(lasts(opus(1, 3)).await, 3000);
    assert_eq!(lasts([opus(1, 3), opus(2, 4)].concat()).await, 7000);
    // Joined files may have the same number.
    assert_eq!(
        lasts([opus(1, 3), opus(1, 3), opus(1, 5)].concat()).await,
        11_000
    );
    // Junk between them, and an end that is missing.
    let file = [opus(1, 3), vec![7; 5000], opus(2, 4)].concat();
    assert_eq!(lasts(file.clone()).await, 7000);
    assert_eq!(lasts(file[..file.len() - 600].to_vec()).await, 6000);
}

#[tokio::test]
async fn audio_may_begin_before_the_first_position() {
    for before in [-1, -104, -48_000, i64::MIN] {
        assert_eq!(lasts(opus_from(before, 3)).await, 3000, "{before}");
    }
}

/// What would need less than a byte for ten seconds is no duration, whatever field states it.
#[tokio::test]
async fn a_duration_beyond_all_reason_is_unknown() {
    let read = read(opus_from(i64::MAX, 3)).await.unwrap();
    assert_eq!((read.duration_ms, read.bit_rate), (None, None));
}

#[tokio::test]
async fn a_wav_is_as_long_as_its_audio() {
    let most = u32::MAX;
    for (what, file) in [
        ("whole", wav(b"RIFF", 32_066, 32_000, 32_000)),
        ("piped, 0", wav(b"RIFF", 0, 0, 32_000)),
        ("piped, the largest size", wav(b"RIFF", most, most, 32_000)),
        ("large", wav(b"RF64", most, most, 32_000)),
        ("large, of broadcasting", wav(b"BW64", most, most, 32_000)),
        ("cut short", wav(b"RIFF", 64_066, 64_000, 32_000)),
    ] {
        let read = read(file)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(read.format, Format::Wav, "{what}");
        assert_eq!(read.duration_ms, Some(2000), "{what}");
        assert_eq!(read.bit_rate, Some(128), "{what}");
    }
}

#[tokio::test]
async fn a_wav_of_a_codec_is_counted_by_its_frames_or_blocks() {
    // 400 frames of 1,152 samples at 44,100 Hz; what the head states of them is not so.
    let mp3 = |fact| wav_of(0x55, 44_100, 10_000, 1, &[0; 12], fact, &frames(400));
    for fact in [Some(460_800), Some(100), None] {
        let read = read(mp3(fact)).await.unwrap();
        assert_eq!(read.format, Format::Wav, "{fact:?}");
        assert!(near(read.duration_ms.unwrap(), 10_449), "{fact:?} {read:?}");
        assert_eq!(read.bit_rate, Some(128), "{fact:?}");
    }
    let whole = mp3(Some(460_800));
    let half = lasts(whole[..whole.len() - 200 * 417].to_vec()).await;
    assert!(near(half, 5224), "{half}");
    // Blocks of 256 bytes and 505 samples at 8,000 Hz, as IMA has them, and Microsoft's of 500.
    for (kind, samples, ms, half) in [(0x11, 505u16, 6313, 3156), (2, 500, 6250, 3125)] {
        let more = [&samples.to_le_bytes()[..], &[0; 30]].concat();
        let adpcm = |fact| wav_of(kind, 8000, 4055, 256, &more, fact, &[1; 25_600]);
        assert_eq!(lasts(adpcm(Some(49_999))).await, 6250, "{kind}");
        assert_eq!(lasts(adpcm(None)).await, ms, "{kind}");
        let whole = adpcm(Some(49_999));
        let cut = whole[..whole.len() - 12_800].to_vec();
        assert_eq!(lasts(cut).await, half, "{kind}");
    }
}

#[tokio::test]
async fn matroska_that_is_cut_lasts_as_long_as_its_packets() {
    let whole = |at| matroska_of(at, 10_000, 10);
    for at in [ClusterAt::End, ClusterAt::Unknown] {
        let file = whole(at);
        assert!(near(lasts(file.clone()).await, 10_000), "{at:?}");
        let cut = lasts(file[..file.len() / 2].to_vec()).await;
        assert!((3000..=5500).contains(&cut), "{at:?}: {cut}");
    }
}

#[tokio::test]
async fn wavpack_of_a_pipe_and_cut_is_counted_by_its_blocks() {
    // Blocks of 22,050 samples at 44,100 Hz, each of two parts as more than two channels have them.
    for parts in [1, 2] {
        for stated in [10 * 22_050, u32::MAX] {
            let file = wavpack_of(stated, 10, parts);
            let read = read(file.clone()).await.unwrap();
            assert_eq!(read.format, Format::WavPack, "{stated} {parts}");
            assert_eq!(read.duration_ms, Some(5000), "{stated} {parts}");
            assert!(read.bit_rate.is_some(), "{stated} {parts}");
            let cut = lasts(file[..file.len() / 2].to_vec()).await;
            assert_eq!(cut, 2500, "{stated} {parts}");
        }
    }
}

#[tokio::test]
async fn alac_in_fragments_is_counted() {
    let read = read(alac_in_fragments(5)).await.unwrap();
    assert_eq!(read.format, Format::M4aAlac);
    // Five fragments of ten packets of 4,096 samples.
    assert!(near(read.duration_ms.unwrap(), 4644), "{read:?}");
}

#[tokio::test]
async fn real_files_that_end_early_are_told_as_they_are() {
    let Some(data) = real_data() else { return };
    let manifest = std::fs::read_to_string(data.join("audio/MANIFEST.tsv")).unwrap();
    for row in manifest.lines().skip(1) {
        let name = row.split('\t').next().unwrap();
        let file = std::fs::read(data.join("audio").join(name)).unwrap();
        let whole = lasts(file.clone()).await;
        for half in [file.len() / 2, file.len() * 3 / 4] {
            match read(file[..half].to_vec()).await {
                // Its head stood at its end.
                Err(error) => assert!(name.ends_with(".m4a"), "{name}: {error}"),
                Ok(read) => {
                    let lasts = read.duration_ms.unwrap_or(0);
                    assert!(lasts < whole * 9 / 10, "{name}: {lasts} of {whole}");
                }
            }
        }
    }
}
