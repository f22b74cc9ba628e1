//! Frames of ID3v2 that are packed, which is allowed since version 2.3, and which a few programs do.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// How much may still be unpacked of one tag.
///
/// A thousandth of a frame's size is enough to pack it, and what is unpacked in vain costs as much time as what
/// is kept: so all of it counts.
#[derive(Debug)]
pub(crate) struct Unpacking {
    left: u64,
}

impl Unpacking {
    /// At most so many bytes.
    pub(crate) fn at_most(bytes: usize) -> Unpacking {
        Unpacking { left: bytes as u64 }
    }

    /// Unpacks the content of a frame. `None` if it is broken, or more than `most` or than what is left.
    pub(crate) fn unpack(&mut self, content: &[u8], most: usize) -> Option<Vec<u8>> {
        let most = self.left.min(most as u64);
        let mut unpacked = Vec::new();
        let read = ZlibDecoder::new(content)
            .take(most + 1)
            .read_to_end(&mut unpacked);
        self.left = self.left.saturating_sub(unpacked.len() as u64);
        (read.is_ok() && unpacked.len() as u64 <= most).then_some(unpacked)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn packed(bytes: usize) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&vec![7; bytes]).expect("memory is there");
        packed.finish().expect("memory is there")
    }

    #[test]
    fn what_is_unpacked_in_vain_counts_as_well() {
        let mut unpacking = Unpacking::at_most(1000);
        assert_eq!(unpacking.unpack(&packed(300), 300), Some(vec![7; 300]));
        assert_eq!(unpacking.unpack(&packed(400), 300), None);
        assert_eq!(unpacking.unpack(&packed(300), 300), Some(vec![7; 300]));
        assert_eq!(unpacking.unpack(&packed(300), 300), None);
        assert_eq!(unpacking.unpack(&packed(1), 300), None);
        let mut fresh = Unpacking::at_most(1000);
        assert_eq!(fresh.unpack(b"not packed", 300), None);
        let cut = packed(300);
        assert_eq!(fresh.unpack(&cut[..cut.len() - 1], 300), None);
    }
}
