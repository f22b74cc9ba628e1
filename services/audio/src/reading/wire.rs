//! What passes between a process and its readers: messages of a kind, a length and bytes.
//!
//! A reader is told what to do, asks for pieces of the file, and says what it found. It opens nothing itself.

use std::io::{self, Read, Write};

use kadenza_contract::PIXELS_MAX;

/// To the reader: what to do, as JSON.
pub(super) const ORDER: u8 = 1;
/// To the reader: the piece that it asked for.
pub(super) const PIECE: u8 = 2;
/// To the reader: why there is no such piece.
pub(super) const NO_PIECE: u8 = 3;
/// From the reader: the piece that it needs, as its place (8 bytes) and its length (4 bytes).
pub(super) const ASK: u8 = 4;
/// From the reader: bytes that belong to what it says next.
pub(super) const BYTES: u8 = 5;
/// From the reader: what it found, as JSON.
pub(super) const FOUND: u8 = 6;

/// The largest piece that is asked for.
pub(super) const PIECE_BYTES_MAX: usize = 256 << 10;
/// How much of its beginning comes with a file unasked; a file that is not larger than a piece comes as a whole.
/// Each question that is spared is two switches between processes.
pub(super) const HEAD_BYTES: usize = 128 << 10;
/// The largest message of a reader: the largest picture, four bytes a pixel.
pub(super) const MESSAGE_BYTES_MAX: usize = 4 * (PIXELS_MAX * PIXELS_MAX) as usize;
/// The largest text among them: values of all fields that are kept, and lyrics.
pub(super) const TEXT_BYTES_MAX: usize = 2 << 20;

/// Sends a message.
pub(super) fn send(to: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let mut head = vec![kind];
    head.extend((bytes.len() as u32).to_le_bytes());
    if bytes.len() <= PIECE_BYTES_MAX {
        // One call of the system: two would wake the other side twice.
        head.extend(bytes);
        to.write_all(&head)?;
    } else {
        to.write_all(&head)?;
        to.write_all(bytes)?;
    }
    to.flush()
}

/// Receives a message; one with more than `most` bytes is an error.
pub(super) fn receive(from: &mut impl Read, most: usize) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let [kind, len @ ..] = head;
    let len = u32::from_le_bytes(len) as usize;
    if len > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    Ok((kind, bytes))
}
