//! What the fuzz targets call: the reading of frames, which no program reaches but through a proven connection. For
//! `integration-tests/fuzz` alone.

use bytes::Bytes;
use futures_util::FutureExt;

use crate::{
    message::Request,
    wire::{
        envelope::{Envelope, Malformed, Prefix, Said, Say},
        reader::{Frame, FrameReader},
    },
};

/// Reads bytes as those of one connection, at once and in pieces of this size, and says in a word how it ended.
///
/// # Panics
///
/// If the pieces make a difference, or a frame is another one after it was written and read again.
pub fn frames<Q: Request>(bytes: &[u8], piece: usize) -> &'static str {
    let (whole, ended) = read::<Q>(bytes, bytes.len().max(1));
    let (in_pieces, also_ended) = read::<Q>(bytes, piece.max(1));
    assert!(
        whole == in_pieces && ended == also_ended,
        "pieces of {piece} bytes make a difference"
    );
    for frame in &whole {
        check::<Q>(frame);
    }
    match (ended, whole.last()) {
        (Some(Malformed(why)), _) => why,
        (None, Some(frame)) => kind(&frame.envelope.said),
        (None, None) => "not whole",
    }
}

/// The frames of these bytes, and why no more are read.
fn read<Q: Request>(bytes: &[u8], piece: usize) -> (Vec<Frame<Q>>, Option<Malformed>) {
    let mut reader = FrameReader::<Q>::default();
    let mut frames = Vec::new();
    for mut rest in bytes.chunks(piece) {
        while !rest.is_empty() {
            let came = reader.fill(&mut rest).now_or_never();
            assert!(
                matches!(came, Some(Ok(1..))),
                "bytes that are here are read"
            );
            loop {
                match reader.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(why) => return (frames, Some(why)),
                }
            }
        }
    }
    (frames, None)
}

/// Writes a frame and reads it again.
fn check<Q: Request>(frame: &Frame<Q>) {
    let Frame {
        envelope: Envelope { id, from, said },
        attachment,
    } = frame;
    let say = match said {
        Said::Ask(request) => Say::<Q>::Ask(request),
        Said::Answer(reply) => Say::Answer(reply),
        Said::Error(failure) => Say::Error(failure),
        // What is not known cannot be written.
        Said::UnknownAsk | Said::UnknownAnswer => return,
    };
    let mut out = Vec::new();
    let written = Prefix::of(from).write(&mut out, *id, say, attachment.len());
    // With each sign escaped it may be longer than what was read.
    if written.is_err() {
        return;
    }
    out.extend_from_slice(attachment);
    let (again, ended) = read::<Q>(&out, out.len());
    let is_same = ended.is_none() && again.len() == 1 && again[0] == *frame;
    assert!(is_same, "{frame:?} was written as {:?}", Bytes::from(out));
}

fn kind<Q: Request>(said: &Said<Q>) -> &'static str {
    match said {
        Said::Ask(_) => "ask",
        Said::Answer(_) => "answer",
        Said::Error(_) => "error",
        Said::UnknownAsk => "unknown ask",
        Said::UnknownAnswer => "unknown answer",
    }
}
