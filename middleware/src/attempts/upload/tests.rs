use kadenza_contract::{Format, Recording, Song, Tags};

use super::*;

fn source(pieces: Vec<Result<Bytes>>) -> Source {
    let room = Arc::new(crate::spool::Room::new(1 << 20, 0));
    Source::new(stream::iter(pieces).boxed(), Spool::new(1 << 20, 0, room))
}

fn upload(audio: &[u8], added_at: Timestamp) -> Upload {
    Upload::new(
        Song::new(Recording {
            content: ContentHash::of(audio),
            format: Format::Flac,
            size: audio.len() as u64,
            duration_ms: None,
            bit_rate: None,
            tags: Tags::new("t", "", "").unwrap(),
            has_artwork: false,
            added_at,
            reader: 0,
        }),
        Outcome::AlreadyThere,
    )
}

/// The bytes that a request with this body would send, and whether the body ended cleanly.
async fn received(body: &mut mpsc::Receiver<Part>) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while let Some(part) = body.recv().await {
        match part {
            Part::Piece(piece) => bytes.extend_from_slice(&piece),
            Part::End => return (bytes, true),
        }
    }
    (bytes, false)
}

#[tokio::test]
async fn a_body_given_up_at_any_piece_is_sent_whole_the_next_time() {
    let pieces: Vec<Bytes> = (0..10u8).map(|n| vec![n; 3].into()).collect();
    let whole: Vec<u8> = pieces.concat();
    let mut source = source(pieces.into_iter().map(Ok).collect());
    for enough in 0..whole.len() {
        let (parts, mut body) = mpsc::channel(1);
        let reader = async {
            let mut taken = 0;
            while taken < enough {
                match body.recv().await {
                    Some(Part::Piece(piece)) => taken += piece.len(),
                    _ => panic!("no end after {taken} of {} bytes", whole.len()),
                }
            }
            drop(body);
        };
        tokio::join!(source.send(parts, Duration::from_secs(60)), reader);
    }
    let (parts, mut body) = mpsc::channel(1);
    let (sent, (bytes, clean)) = tokio::join!(
        source.send(parts, Duration::from_secs(60)),
        received(&mut body)
    );
    assert!(matches!(sent, Sent::Whole) && clean);
    assert_eq!(bytes, whole);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_is_noticed() {
    let mut source = source(vec![Ok(vec![0; 1 << 20].into())]);
    let (parts, _body) = mpsc::channel(1);
    assert!(matches!(
        source.send(parts, Duration::from_secs(5)).await,
        Sent::Stalled
    ));
}

#[tokio::test]
async fn a_stream_that_breaks_does_not_end_its_body() {
    let mut source = source(vec![Ok("abc".into()), Err(Error::Busy)]);
    let (parts, mut body) = mpsc::channel(8);
    let sent = source.send(parts, Duration::from_secs(5)).await;
    assert!(matches!(sent, Sent::Broke(Error::Body { .. })));
    assert_eq!(received(&mut body).await, (b"abc".to_vec(), false));
}

#[tokio::test]
async fn an_upload_is_ours_only_with_our_bytes_and_since_we_began() {
    let began = Timestamp::now();
    let before = began.checked_sub(CLOCKS_APART * 2).unwrap();
    let mut source = source(vec![Ok("abc".into())]);
    let outcome = |source: &Source, upload: Upload| source.outcome(&upload.song, began);
    assert_eq!(
        outcome(&source, upload(b"abc", began)),
        Outcome::AlreadyThere,
        "not all was read yet"
    );
    let (parts, _body) = mpsc::channel(8);
    source.send(parts, Duration::from_secs(5)).await;
    assert_eq!(outcome(&source, upload(b"abc", began)), Outcome::Added);
    for others in [upload(b"abd", began), upload(b"abc", before)] {
        assert_eq!(outcome(&source, others), Outcome::AlreadyThere);
    }
    let mut known = upload(b"abd", before);
    known.song.merge(&upload(b"abc", began).song);
    assert_eq!(outcome(&source, known), Outcome::RecordingAdded);
}
