//! Values of flags that have units, or stand in a file.

use std::{fs::File, io::Read, time::Duration};

/// Longer files hold no address.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// What stands in a file, read as the value of a flag. Nothing of it is repeated where it is wrong.
///
/// # Errors
///
/// The text says what would be right.
pub(in crate::server) fn in_file<T>(
    file: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    let mut text = String::new();
    let read =
        File::open(file).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|cause| format!("cannot read it: {cause}"))?;
    parse(text.trim()).map_err(|what| format!("what stands in it is wrong: {what}"))
}

/// A number of bytes, with a unit of 1000 or of 1024 or none.
///
/// # Errors
///
/// The text says what would be right.
pub(in crate::server) fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1_u64 << 40,
        _ => return Err("expected bytes, or a number with a unit as in 500MB or 2GiB".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a whole number, as in 500MB or 2GiB".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "that is more than can be counted".to_owned())
}

/// A time, with a unit; seconds without one.
///
/// # Errors
///
/// The text says what would be right.
pub(in crate::server) fn time(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let ms_each: u64 = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1000,
        "min" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return Err("expected seconds, or a time with a unit as in 500ms or 5min".to_owned()),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(ms_each))
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a whole number above 0, as in 500ms or 5min".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_bytes_or_has_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("500MB", 500_000_000),
            ("64MiB", 64 << 20),
            ("2 gib", 2 << 30),
            ("1T", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "GiB", "-1", "1.5GiB", "2 loaves", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_seconds_or_has_a_unit() {
        for (text, ms) in [
            ("5", 5000),
            ("500ms", 500),
            ("2 min", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "s", "0ms", "-1", "1.5s", "99999999999999999h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
