//! Hexadecimal digits of fixed lengths, in lower case only. By table, since ids are most of what nodes
//! say to each other: the crate `hex` decodes digit by digit, and takes upper case as well.

/// The two digits of each byte.
const DIGITS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [
            b"0123456789abcdef"[byte >> 4],
            b"0123456789abcdef"[byte & 15],
        ];
        byte += 1;
    }
    table
};

/// The value of a byte that is no digit.
const NO_DIGIT: u8 = 0xff;

/// The value of each lower-case digit.
const VALUES: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// The digits of some bytes, in lower case; `D` is twice `B`.
pub(crate) fn digits<const B: usize, const D: usize>(bytes: &[u8; B]) -> [u8; D] {
    const { assert!(D == 2 * B) };
    let mut digits = [0; D];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&DIGITS[usize::from(*byte)]);
    }
    digits
}

/// The bytes of some digits; none unless all are digits in lower case. `D` is twice `B`.
pub(crate) fn bytes<const D: usize, const B: usize>(digits: &[u8; D]) -> Option<[u8; B]> {
    const { assert!(D == 2 * B) };
    let mut bytes = [0; B];
    let mut wrong = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        wrong |= high | low;
        *byte = high << 4 | low & 15;
    }
    // A value beyond 15 has a bit of its own.
    (wrong < 16).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_and_lead_back() {
        for byte in 0..=255u8 {
            let text = format!("{byte:02x}");
            assert_eq!(digits::<1, 2>(&[byte]), text.as_bytes());
            assert_eq!(bytes::<2, 1>(&digits(&[byte])), Some([byte]));
        }
        assert_eq!(&digits::<4, 8>(&[0xde, 0xad, 0, 0x0f]), b"dead000f");
    }

    #[test]
    fn only_lower_case_digits_are_read() {
        for one in 0..=255u8 {
            let good = one.is_ascii_digit() || (b'a'..=b'f').contains(&one);
            assert_eq!(bytes::<2, 1>(&[one, b'0']).is_some(), good);
            assert_eq!(bytes::<2, 1>(&[b'0', one]).is_some(), good);
        }
    }
}
