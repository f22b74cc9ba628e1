//! The shape of a frame and its bounds.
//!
//! ```text
//! ┌──────────────┬────────────────────┬───────────────┬────────────┐
//! │ JSON: u32 BE │ attachment: u32 BE │ JSON envelope │ attachment │
//! └──────────────┴────────────────────┴───────────────┴────────────┘
//! ```
//!
//! The envelope is described in [`super::envelope`].

/// The two lengths, in bytes.
pub(crate) const HEADER_BYTES: usize = 8;

/// The longest envelope of most messages, in bytes.
pub const JSON_BYTES_MAX: usize = 64 << 10;

/// The longest envelope of a message that is longer than most, in bytes. (A song with eight recordings
/// of four texts of 4 KiB, each character escaped, and the numbers beside them.)
pub const LONG_JSON_BYTES_MAX: usize = 320 << 10;

/// The longest attachment, in bytes.
pub const ATTACHMENT_BYTES_MAX: usize = 1 << 20;

/// The longest frame that counts as small, in bytes. Longer ones are bulk: they wait for small ones,
/// and are not copied.
pub const SMALL_FRAME_BYTES_MAX: usize = 16 << 10;

/// The lengths of the two parts of a frame, within their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) json: usize,
    pub(crate) attachment: usize,
}

impl Header {
    /// Reads the first bytes of a frame; none if they break a bound.
    pub(crate) fn read(bytes: [u8; HEADER_BYTES]) -> Option<Header> {
        let [a, b, c, d, e, f, g, h] = bytes;
        let header = Header {
            json: u32::from_be_bytes([a, b, c, d]) as usize,
            attachment: u32::from_be_bytes([e, f, g, h]) as usize,
        };
        let fits = (2..=LONG_JSON_BYTES_MAX).contains(&header.json)
            && header.attachment <= ATTACHMENT_BYTES_MAX;
        fits.then_some(header)
    }

    /// The first bytes of the frame.
    pub(crate) fn write(self) -> [u8; HEADER_BYTES] {
        debug_assert!(self.json <= LONG_JSON_BYTES_MAX && self.attachment <= ATTACHMENT_BYTES_MAX);
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&(self.json as u32).to_be_bytes());
        bytes[4..].copy_from_slice(&(self.attachment as u32).to_be_bytes());
        bytes
    }

    /// The length of the whole frame.
    pub(crate) fn frame_bytes(self) -> usize {
        HEADER_BYTES + self.json + self.attachment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_a_bound_are_refused_and_all_others_survive() {
        for (json, attachment, fits) in [
            (2, 0, true),
            (LONG_JSON_BYTES_MAX, ATTACHMENT_BYTES_MAX, true),
            (1, 0, false),
            (0, 0, false),
            (LONG_JSON_BYTES_MAX + 1, 0, false),
            (2, ATTACHMENT_BYTES_MAX + 1, false),
            (u32::MAX as usize, u32::MAX as usize, false),
        ] {
            let mut bytes = [0; HEADER_BYTES];
            bytes[..4].copy_from_slice(&u32::try_from(json).unwrap().to_be_bytes());
            bytes[4..].copy_from_slice(&u32::try_from(attachment).unwrap().to_be_bytes());
            let header = Header::read(bytes);
            assert_eq!(header.is_some(), fits, "{json} {attachment}");
            if let Some(header) = header {
                assert_eq!(header.write(), bytes);
                assert_eq!(header.frame_bytes(), 8 + json + attachment);
            }
        }
    }
}
