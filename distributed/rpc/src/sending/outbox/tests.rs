use proptest::prelude::*;

use super::*;
use crate::wire::frame::HEADER_BYTES;

/// A frame of this many bytes, and a mark by which to know it.
fn frame(mark: u8, json: usize) -> Vec<u8> {
    let header = Header {
        json,
        attachment: 0,
    };
    let mut bytes = header.write().to_vec();
    bytes.extend(vec![mark; json]);
    bytes
}

fn bulk(mark: u8, bytes: usize) -> Bulk {
    let header = Header {
        json: 2,
        attachment: bytes,
    };
    let mut head = header.write().to_vec();
    head.extend([mark; 2]);
    Bulk {
        head,
        attachment: Bytes::from(vec![mark; bytes]),
        room: None,
    }
}

/// Takes up to `bytes` bytes of a batch, as a socket does.
fn write(batch: &mut Batch, bytes: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    for slice in batch.slices() {
        let take = slice.len().min(bytes - taken.len());
        taken.extend_from_slice(&slice[..take]);
    }
    batch.advance(taken.len());
    taken
}

/// The marks of the frames in a stream of bytes that begins with a frame.
fn marks(mut bytes: &[u8]) -> Vec<u8> {
    let mut marks = Vec::new();
    while let Some(header) = bytes.first_chunk::<HEADER_BYTES>() {
        let header = Header::read(*header).unwrap();
        if bytes.len() < header.frame_bytes() {
            break;
        }
        let (frame, rest) = bytes.split_at(header.frame_bytes());
        assert!(
            frame[HEADER_BYTES..]
                .iter()
                .all(|byte| *byte == frame[HEADER_BYTES])
        );
        marks.push(frame[HEADER_BYTES]);
        bytes = rest;
    }
    marks
}

fn write_all(outbox: &mut Outbox) -> Vec<u8> {
    let mut batch = Batch::default();
    let mut written = Vec::new();
    while outbox.fill(&mut batch) {
        written.extend(write(&mut batch, usize::MAX / 2));
    }
    marks(&written)
}

#[test]
fn small_frames_go_before_all_bulk_that_waits() {
    let mut outbox = Outbox::new(1000);
    outbox.push_bulk(bulk(101, 300));
    outbox.push_bulk(bulk(102, 300));
    outbox.push_small(&frame(1, 10), b"").unwrap();
    outbox.push_small(&frame(2, 10), b"").unwrap();
    assert_eq!(write_all(&mut outbox), [1, 2, 101, 102]);
}

#[test]
fn a_small_frame_waits_for_one_bulk_frame_at_most() {
    let mut outbox = Outbox::new(1000);
    let mut batch = Batch::default();
    for mark in 101..105 {
        outbox.push_bulk(bulk(mark, 1 << 20));
    }
    assert!(outbox.fill(&mut batch));
    let mut written = write(&mut batch, 1000);
    outbox.push_small(&frame(1, 10), b"").unwrap();
    written.extend(write(&mut batch, usize::MAX / 2));
    assert!(batch.is_done());
    while outbox.fill(&mut batch) {
        written.extend(write(&mut batch, usize::MAX / 2));
    }
    assert_eq!(marks(&written), [101, 1, 102, 103, 104]);
}

#[test]
fn small_frames_that_never_end_do_not_keep_bulk_away() {
    let mut outbox = Outbox::new(1000);
    let mut batch = Batch::default();
    let mut written = Vec::new();
    outbox.push_bulk(bulk(101, 300));
    outbox.push_bulk(bulk(102, 300));
    for mark in 1..4 {
        outbox.push_small(&frame(mark, 10), b"").unwrap();
        assert!(outbox.fill(&mut batch));
        written.extend(write(&mut batch, usize::MAX / 2));
    }
    assert_eq!(marks(&written), [1, 101, 2, 102, 3]);
}

#[test]
fn the_small_lane_is_bounded_in_bytes() {
    let mut outbox = Outbox::new(3 * 108 + 107);
    for mark in 0..3 {
        outbox.push_small(&frame(mark, 50), &[mark; 50]).unwrap();
    }
    assert_eq!(outbox.push_small(&frame(3, 100), b""), Err(Full));
    assert_eq!(outbox.bytes(), 3 * 108);
    let mut batch = Batch::default();
    assert!(outbox.fill(&mut batch));
    outbox.push_small(&frame(3, 100), b"").unwrap();
}

#[test]
fn a_buffer_that_grew_is_given_back() {
    let mut outbox = Outbox::new(10 << 20);
    let mut batch = Batch::default();
    for _ in 0..2 {
        outbox.push_small(&frame(1, 200_000), b"").unwrap();
        outbox.fill(&mut batch);
        write(&mut batch, usize::MAX / 2);
    }
    for _ in 0..3 {
        outbox.fill(&mut batch);
    }
    assert!(batch.small.capacity() + outbox.small.capacity() <= 2 * KEPT_BYTES_MAX);
}

proptest! {
    /// Whatever the socket takes at a time, and wherever connections are lost: on each connection whole
    /// frames arrive from their beginning, each frame is sent whole exactly once, those of a
    /// lane in their order.
    #[test]
    fn each_frame_arrives_whole_and_once_over_all_connections(
        smalls in proptest::collection::vec(2usize..400, 0..20),
        bulks in proptest::collection::vec(20_000usize..60_000, 0..5),
        takes in proptest::collection::vec((0usize..30_000, proptest::bool::weighted(0.2)), 0..40),
    ) {
        let mut outbox = Outbox::new(1 << 20);
        for (mark, bytes) in smalls.iter().enumerate() {
            outbox.push_small(&frame(mark as u8, *bytes), b"").unwrap();
        }
        for (mark, bytes) in bulks.iter().enumerate() {
            outbox.push_bulk(bulk(100 + mark as u8, *bytes));
        }
        let mut batch = Batch::default();
        let mut arrived = Vec::new();
        let mut connection = Vec::new();
        let takes = takes.into_iter().chain(std::iter::repeat((30_000, false)));
        for (take, lost) in takes {
            if batch.is_done() && !outbox.fill(&mut batch) {
                break;
            }
            connection.extend(write(&mut batch, take));
            if lost {
                arrived.extend(marks(&connection));
                connection.clear();
                batch.rewind();
            }
        }
        arrived.extend(marks(&connection));
        let expected: Vec<u8> = (0..smalls.len() as u8).chain((0..bulks.len() as u8).map(|mark| 100 + mark)).collect();
        prop_assert_eq!(arrived, expected);
        prop_assert!(outbox.is_empty());
        prop_assert_eq!(outbox.bytes() + batch.bytes(), 0);
    }
}
