use std::net::SocketAddr;

use proptest::prelude::*;

use super::super::{
    envelope::{Prefix, Said, Say},
    frame::{ATTACHMENT_BYTES_MAX, LONG_JSON_BYTES_MAX},
};
use super::*;
use crate::{
    peer::{Peer, PeerId},
    test_message::Request,
};

fn sender() -> Peer {
    Peer {
        id: PeerId::from_bytes([1; 32]),
        address: SocketAddr::from(([192, 0, 2, 1], 4534)),
    }
}

fn bytes_of(id: u64, attachment: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Prefix::of(&sender())
        .write(&mut bytes, id, Say::Ask(&Request::Echo), attachment.len())
        .unwrap();
    bytes.extend_from_slice(attachment);
    bytes
}

fn frame_of(id: u64, attachment: Vec<u8>) -> Frame<Request> {
    Frame {
        envelope: Envelope {
            id,
            from: sender(),
            said: Said::Ask(Request::Echo),
        },
        attachment: Bytes::from(attachment),
    }
}

/// Gives its bytes in pieces of these sizes, over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let size = self.sizes.next().unwrap_or(1);
        let take = size.min(self.bytes.len()).min(buffer.remaining());
        let (piece, rest) = self.bytes.split_at(take);
        buffer.put_slice(piece);
        self.bytes = rest;
        std::task::Poll::Ready(Ok(()))
    }
}

/// Reads all; the most memory that was held; the frames up to the first error.
fn read_all(
    bytes: &[u8],
    sizes: Vec<usize>,
) -> (Vec<Frame<Request>>, usize, Result<(), Malformed>) {
    let mut source = Pieces {
        bytes,
        sizes: sizes.into_iter().cycle(),
    };
    let mut reader = FrameReader::<Request>::default();
    let (mut frames, mut memory) = (Vec::new(), 0);
    let read = async {
        loop {
            if reader.is_between_frames() {
                let buffer = reader.take_buffer();
                reader.give_buffer(buffer);
            }
            if reader.fill(&mut source).await.unwrap() == 0 {
                return Ok(());
            }
            memory = memory.max(reader.memory());
            while let Some(frame) = reader.next()? {
                frames.push(frame);
            }
            memory = memory.max(reader.memory());
        }
    };
    let result = futures_util::FutureExt::now_or_never(read).unwrap();
    (frames, memory, result)
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_how_their_bytes_arrive(
        attachments in proptest::collection::vec(
            prop_oneof![0usize..300, 10_000usize..40_000, 60_000usize..400_000], 1..6),
        sizes in proptest::collection::vec(prop_oneof![1usize..20, 1usize..100_000], 1..6),
    ) {
        let attachments: Vec<Vec<u8>> = attachments.iter().enumerate()
            .map(|(mark, len)| vec![mark as u8; *len]).collect();
        let bytes: Vec<u8> = attachments.iter().enumerate()
            .flat_map(|(id, attachment)| bytes_of(id as u64, attachment)).collect();
        let expected: Vec<Frame<Request>> = attachments.into_iter().enumerate()
            .map(|(id, attachment)| frame_of(id as u64, attachment)).collect();
        let (frames, _, result) = read_all(&bytes, sizes);
        prop_assert!(result.is_ok());
        prop_assert!(frames == expected);
    }

    #[test]
    fn random_bytes_never_become_a_frame(bytes in proptest::collection::vec(any::<u8>(), 0..2000), size in 1usize..2000) {
        let (frames, memory, _) = read_all(&bytes, vec![size]);
        prop_assert!(frames.is_empty());
        prop_assert!(memory <= BUFFER_BYTES);
    }

    #[test]
    fn a_frame_with_a_wrong_byte_changes_no_frame_before_it(
        at in any::<prop::sample::Index>(), byte: u8, size in 1usize..2000
    ) {
        let mut bytes = bytes_of(1, &[1; 100]);
        let whole = bytes.len();
        bytes.extend(bytes_of(2, &[2; 50]));
        let at = whole + at.index(bytes.len() - whole);
        bytes[at] = byte;
        let (frames, memory, _) = read_all(&bytes, vec![size]);
        prop_assert_eq!(&frames[0], &frame_of(1, vec![1; 100]));
        prop_assert!(memory <= 2 * BUFFER_BYTES);
    }
}

#[test]
fn memory_follows_the_bytes_that_came_not_the_announced() {
    let whole = bytes_of(1, &vec![7; ATTACHMENT_BYTES_MAX]);
    for arrived in [8, 100, 5_000, 20_000, 70_000, 300_000] {
        let (frames, memory, result) = read_all(&whole[..arrived], vec![1500]);
        assert!(frames.is_empty() && result.is_ok());
        let bound = BUFFER_BYTES + TRUST * arrived;
        assert!(memory <= bound, "{memory} bytes for {arrived}");
    }
    // Nor for an envelope: the buffer doubles only when it is full.
    let header = Header {
        json: LONG_JSON_BYTES_MAX,
        attachment: ATTACHMENT_BYTES_MAX,
    };
    let mut bytes = header.write().to_vec();
    for arrived in [8, 60_000, 120_000, 250_000] {
        bytes.resize(arrived, b' ');
        let (_, memory, _) = read_all(&bytes, vec![1500]);
        assert!(
            memory <= BUFFER_BYTES.max(2 * arrived),
            "{memory} bytes for {arrived}"
        );
    }
}

#[test]
fn a_short_attachment_does_not_keep_the_buffer_alive() {
    let bytes = bytes_of(1, &[7; 10]);
    let (mut frames, _, _) = read_all(&bytes, vec![usize::MAX]);
    let attachment = frames.remove(0).attachment;
    assert_eq!(attachment.try_into_mut().unwrap().capacity(), 10);
}
