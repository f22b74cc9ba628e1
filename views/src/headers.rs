//! Values of headers that many answers have.

use std::{fmt, io::Write as _};

use axum::http::HeaderValue;

/// Browsers take what they get for what it is said to be.
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// A header value of a few numbers and words, written without detours; what does not fit is cut.
pub(crate) fn value(text: fmt::Arguments<'_>) -> HeaderValue {
    let mut buffer = [0; 128];
    let mut rest = buffer.as_mut_slice();
    // An error says that the rest is full, or that something does not want to be written.
    let _ = rest.write_fmt(text);
    let length = 128 - rest.len();
    HeaderValue::from_bytes(&buffer[..length]).expect("numbers and words are a header value")
}
