//! Numbers and texts as they lie in a packed card: numbers in LEB128, seven bits a byte; texts behind their
//! length.

pub(super) const WHOLE: &str = "a segment holds what was packed";

pub(super) fn text<'a>(rest: &mut &'a [u8]) -> &'a str {
    let len = take(rest) as usize;
    let (text, behind) = rest.split_at(len);
    *rest = behind;
    std::str::from_utf8(text).expect(WHOLE)
}

pub(super) fn number(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

pub(super) fn take(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first().expect(WHOLE);
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// Numbers near zero of either sign as small ones.
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

pub(super) fn zagzig(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
