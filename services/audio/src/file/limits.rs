//! Bounds on what is read of a file, and kept in memory.

/// The largest picture that is taken from a file, in bytes.
pub(crate) const PICTURE_BYTES_MAX: usize = 10 << 20;
/// The most that a parser allocates at once: the largest block of FLAC, since a cover that is too large must
/// not hide a smaller one.
pub(crate) const ALLOCATION_BYTES_MAX: usize = 17 << 20;
/// The most bytes that a parser reads of one file at one attempt. Tags with their pictures fit many times over;
/// audio itself is skipped, not read.
pub(crate) const READ_BYTES_MAX: u64 = 64 << 20;
/// The longest that one byte of audio lasts, in seconds. The smallest frames of silence are below it; a file that
/// states more does not say how long it lasts.
pub(crate) const BYTE_S_MAX: u64 = 10;
/// The most values of all fields of a tag, and the most bytes of fields that are not pictures: far more than music
/// has.
pub(crate) const VALUES_MAX: usize = 4096;
pub(crate) const FIELDS_BYTES_MAX: u64 = 2 << 20;

/// For how many more values of a tag there is room.
#[derive(Debug)]
pub(crate) struct Room {
    left: usize,
}

impl Room {
    pub(crate) fn for_a_tag() -> Room {
        Room { left: VALUES_MAX }
    }

    /// Cuts a frame of ID3v2 with texts behind the values that there is room for.
    pub(crate) fn cut(&mut self, content: &mut Vec<u8>) {
        // In UTF-16, with a mark or without, a value ends with two zeros.
        let width = match content.first() {
            Some(1 | 2) => 2,
            _ => 1,
        };
        let values = content.get(1..).unwrap_or_default().chunks_exact(width);
        for (n, letter) in values.enumerate() {
            if letter.iter().any(|byte| *byte != 0) {
                continue;
            }
            if self.left == 0 {
                content.truncate(1 + n * width);
                return;
            }
            self.left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_in_every_encoding() {
        let mut room = Room { left: 1 };
        let mut text = b"\x03a\0b\0c".to_vec();
        room.cut(&mut text);
        assert_eq!(text, b"\x03a\0b");
        let mut room = Room { left: 1 };
        let mut wide = b"\x01\xff\xfea\0\0\0b\0\0\0c\0".to_vec();
        room.cut(&mut wide);
        assert_eq!(wide, b"\x01\xff\xfea\0\0\0b\0");
    }
}
