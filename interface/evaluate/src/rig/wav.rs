//! The audio of a song that is only measured: some hundred bytes, other ones for every song.

use bytes::Bytes;

/// Samples per second, and how many there are, of one byte each.
const RATE: u32 = 8000;
const SAMPLES: u32 = 256;

/// A WAVE file of noise that follows from a number (Multimedia Programming Interface and Data
/// Specifications 1.0, RIFF).
pub(super) fn wav(number: u64) -> Bytes {
    let mut file = Vec::with_capacity(44 + SAMPLES as usize);
    file.extend(b"RIFF");
    file.extend((36 + SAMPLES).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    // PCM, one channel, a byte a sample.
    file.extend(1_u16.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(RATE.to_le_bytes());
    file.extend(RATE.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(8_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(SAMPLES.to_le_bytes());
    // xorshift64 (Marsaglia, 2003): never the same for two numbers, and never stuck at 0.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63;
    file.extend(number.to_le_bytes());
    file.extend((8..SAMPLES).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    }));
    file.into()
}
