//! How much of a JPEG its decoder keeps beside the result. From: ITU T.81.
//!
//! Where all of a picture comes in one scan, it keeps some rows. Where it comes in several, as in progressive
//! pictures, it keeps the coefficients of all.

/// The coefficients that are kept, in bytes. `None` where that cannot be told.
pub(super) fn kept_bytes(jpeg: &[u8]) -> Option<u64> {
    let mut at = 2;
    let mut frame = None;
    loop {
        let [0xff, marker] = *jpeg.get(at..at + 2)? else {
            // Bytes between segments.
            at += 1;
            continue;
        };
        match marker {
            // The filling before a marker.
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd9 => at += 2,
            _ => {
                let len = usize::from(u16::from_be_bytes(
                    jpeg.get(at + 2..at + 4)?.try_into().ok()?,
                ));
                let segment = jpeg.get(at + 4..at + 2 + len)?;
                match (marker, &frame) {
                    (0xc0..=0xc2, None) => frame = Some(Frame::of(marker, segment)?),
                    (0xda, Some(frame)) => {
                        let is_whole =
                            !frame.is_progressive && *segment.first()? == frame.components;
                        return Some(if is_whole { 0 } else { frame.bytes });
                    }
                    (0xda, None) => return None,
                    _ => {}
                }
                at += 2 + len;
            }
        }
    }
}

struct Frame {
    is_progressive: bool,
    components: u8,
    /// All coefficients, two bytes each.
    bytes: u64,
}

impl Frame {
    fn of(marker: u8, segment: &[u8]) -> Option<Frame> {
        let (head, components) = segment.split_at_checked(6)?;
        let edge = |at: usize| u64::from(u16::from_be_bytes([head[at], head[at + 1]]));
        let samples: Vec<_> = components
            .chunks_exact(3)
            .take(4)
            .map(|component| (u64::from(component[1] >> 4), u64::from(component[1] & 15)))
            .collect();
        let most = |of: fn(&(u64, u64)) -> u64| samples.iter().map(of).max().unwrap_or(1).max(1);
        // A unit of all components has as many blocks of eight by eight as each is sampled.
        let across = edge(3).div_ceil(8 * most(|(across, _)| *across));
        let down = edge(1).div_ceil(8 * most(|(_, down)| *down));
        let blocks: u64 = samples.iter().map(|(across, down)| across * down).sum();
        Some(Frame {
            is_progressive: marker == 0xc2,
            components: head[5],
            bytes: across * down * blocks * 64 * 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 4000 by 3000 pixels, whose colours are sampled half as often in both directions.
    fn picture(frame: u8, in_scan: u8) -> Vec<u8> {
        let head = [0xff, 0xd8, 0xff, 0xe0, 0, 4, b'a', b'b', 0xff, 0xff, frame];
        let size = [0, 17, 8, 0x0b, 0xb8, 0x0f, 0xa0];
        let components = [3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0];
        let scan = [0xff, 0xda, 0, 12, in_scan, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        [&head[..], &size, &components, &scan].concat()
    }

    #[test]
    fn what_comes_in_several_scans_is_kept() {
        assert_eq!(kept_bytes(&picture(0xc0, 3)), Some(0));
        // 250 by 188 units of six blocks.
        let all = 250 * 188 * 6 * 128;
        assert_eq!(kept_bytes(&picture(0xc2, 3)), Some(all));
        assert_eq!(kept_bytes(&picture(0xc0, 1)), Some(all));
        assert_eq!(kept_bytes(b"\xff\xd8"), None);
        assert_eq!(kept_bytes(&picture(0xc2, 3)[..30]), None);
    }
}
