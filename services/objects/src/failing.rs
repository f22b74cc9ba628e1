//! How failures of a store become the error of the contract, in few words and without secrets.
//!
//! A server's own words are not passed on whole: when a signature is refused they quote the request
//! with its headers. Of an S3 error its code is told, and nothing else.

use std::{error::Error as _, io, time::Duration};

use object_store::client::{HttpError, HttpErrorKind};

use kadenza_contract::Error;

/// How long one request may take with its body, 8 MiB at most: a line of 2 Mbit/s can do it.
pub(super) const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// Codes with which S3-compatible servers say that there is no room.
const FULL: [&str; 4] = [
    "XMinioStorageFull",
    "QuotaExceeded",
    "InsufficientStorage",
    "NoSpaceLeft",
];

/// A failure of the store at `place` while `doing` something.
pub(super) fn failed(doing: &'static str, place: &str, error: &object_store::Error) -> Error {
    let words = said(error);
    match transport(error) {
        _ if is_full(error, &words) => Error::full(),
        Some(HttpErrorKind::Timeout) => Error::Timeout {
            waited: REQUEST_DEADLINE,
        },
        Some(_) => Error::Unreachable {
            place: place.to_owned(),
            cause: words.into(),
        },
        None => Error::storage(doing)(format!("{place}: {words}").into()),
    }
}

/// Whether there is no such object.
pub(super) fn is_absent(error: &object_store::Error) -> bool {
    // A bucket that is gone is no answer to the question whether audio is in it.
    matches!(error, object_store::Error::NotFound { .. })
        && code(&error.to_string()).as_deref() != Some("NoSuchBucket")
}

/// An error in few words.
pub(super) fn said(error: &object_store::Error) -> String {
    let text = error.to_string();
    if let Some(code) = code(&text) {
        return format!("the server says {code}");
    }
    if let Some(status) = status(&text) {
        return format!("the server answers with {status}");
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

fn transport(error: &object_store::Error) -> Option<HttpErrorKind> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(http) = cause.downcast_ref::<HttpError>() {
            return Some(http.kind());
        }
        next = cause.source();
    }
    None
}

/// What the disk said, where it did.
fn disk(error: &object_store::Error) -> Option<&io::Error> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(disk) = cause.downcast_ref::<io::Error>() {
            return Some(disk);
        }
        next = cause.source();
    }
    None
}

/// Whether a file is there and cannot be read: its copy is damaged, unless this process lacks something.
pub(super) fn is_unreadable(error: &object_store::Error) -> bool {
    // Too many open files, of this process and of the machine; no memory.
    const LACKING: [i32; 3] = [24, 23, 12];
    let code = disk(error).and_then(io::Error::raw_os_error);
    transport(error).is_none() && code.is_some_and(|code| !LACKING.contains(&code))
}

fn is_full(error: &object_store::Error, words: &str) -> bool {
    let is_disk_full = disk(error).is_some_and(|disk| {
        matches!(
            disk.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    });
    is_disk_full || FULL.iter().any(|code| words.contains(code)) || words.contains("507 ")
}

/// The code in the XML of an S3 error. The library that speaks S3 gives it only within its text.
fn code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

/// The status of an answer that is no XML.
fn status(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("status code: ")?;
    let (status, _) = rest.split_once(':')?;
    (status.len() <= 64).then(|| status.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_servers_words_only_the_code_is_told() {
        let body = "Error performing PUT http://x in 1ms - Server returned non-2xx status code: \
                    403 Forbidden: <?xml?><Error><Code>SignatureDoesNotMatch</Code><Message>\
                    AKIDSECRET</Message></Error>";
        let error = object_store::Error::Generic {
            store: "S3",
            source: body.into(),
        };
        assert_eq!(said(&error), "the server says SignatureDoesNotMatch");
        let told = failed("storing audio", "s3://music", &error).chain();
        assert!(!told.contains("AKID"), "{told}");
    }

    #[test]
    fn a_full_store_is_full() {
        for words in [
            "status code: 507 Insufficient Storage: ",
            "<Code>XMinioStorageFull</Code>",
        ] {
            let error = object_store::Error::Generic {
                store: "S3",
                source: words.into(),
            };
            assert!(
                matches!(failed("", "", &error), Error::Full { .. }),
                "{words}"
            );
        }
    }

    #[test]
    fn a_bucket_that_is_gone_is_no_answer() {
        let absent = |words: &str| {
            is_absent(&object_store::Error::NotFound {
                path: String::new(),
                source: words.into(),
            })
        };
        assert!(absent("<Code>NoSuchKey</Code>"));
        assert!(absent(""));
        assert!(!absent("<Code>NoSuchBucket</Code>"));
    }
}
