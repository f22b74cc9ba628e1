//! WavPack: how much there is of it, counted by its blocks.
//!
//! A pipe cannot go back to write how many samples there are in all. From: WavPack 4 and 5 binary file format.

use std::io::{self, Read, Seek};

use crate::file::{
    bounded::Bounded,
    measured::{Measured, of_samples},
};

/// The head of a block.
const HEAD_BYTES: u64 = 32;
/// The flag of the first of the blocks that hold the same samples of different channels.
const IS_FIRST: u32 = 1 << 11;

/// `rate` is what a parser found.
pub(crate) fn measure<R: Read + Seek>(
    file: &mut Bounded<R>,
    from: u64,
    rate: Option<u32>,
) -> io::Result<Option<Measured>> {
    let Some(rate) = rate.filter(|rate| *rate > 0) else {
        return Ok(None);
    };
    let (mut at, mut samples) = (from, 0u64);
    // What stands behind the last block is a tag.
    while let Ok(head) = <[u8; HEAD_BYTES as usize]>::try_from(file.piece(at, HEAD_BYTES)?)
        && head.starts_with(b"wvpk")
    {
        let number = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            u32::from_le_bytes(bytes)
        };
        // Without its name and its size.
        let end = at + 8 + u64::from(number(4));
        if end > file.len() || end < at + HEAD_BYTES {
            break;
        }
        if number(24) & IS_FIRST != 0 {
            samples += u64::from(number(20));
        }
        at = end;
    }
    Ok((samples > 0).then(|| Measured {
        lasts: Some(of_samples(samples, rate)),
        bytes: Some(at - from),
    }))
}
