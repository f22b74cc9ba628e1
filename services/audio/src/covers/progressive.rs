//! Whether a JPEG is progressive: its decoder then keeps the coefficients of the whole picture. From: ITU T.81.

/// Walks the segments to the one that begins the frame. A picture that cannot be walked is taken for progressive.
pub(super) fn is_progressive(jpeg: &[u8]) -> bool {
    let mut at = 2;
    loop {
        match jpeg.get(at..at + 2) {
            // Bytes between segments, and the filling before a marker.
            Some([0xff, 0xff]) => at += 1,
            Some([0xff, marker]) => match marker {
                0xc0 | 0xc1 => return false,
                0xc2 | 0xda => return true,
                0x00 | 0x01 | 0xd0..=0xd9 => at += 2,
                _ => match jpeg.get(at + 2..at + 4) {
                    Some([high, low]) => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
                    _ => return true,
                },
            },
            Some(_) => at += 1,
            None => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_the_frame_tells() {
        let of = |marker: u8| [&b"\xff\xd8\xff\xe0\0\x04ab\xff\xff"[..], &[marker, 0, 8]].concat();
        assert!(!is_progressive(&of(0xc0)));
        assert!(is_progressive(&of(0xc2)));
        assert!(is_progressive(b"\xff\xd8"));
    }
}
