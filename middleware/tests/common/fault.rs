//! Faults that a test gives to a server.

use std::time::Duration;

use bytes::Bytes;

/// What a server does with a request instead of answering it well.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    /// Nothing: it answers.
    #[default]
    None,
    /// It answers only after this long.
    Delay(Duration),
    /// It never answers.
    Hang,
    /// It closes the connection instead of answering.
    Close,
    /// It answers exactly these bytes and closes.
    Raw(String),
    /// It answers with a problem document: status, code, further headers.
    Problem(u16, &'static str, &'static str),
    /// It answers with this JSON, under this status.
    Json(u16, serde_json::Value),
    /// It closes the connection after so many bytes of the body.
    CutAfter(usize),
    /// It falls silent after so many bytes of the body.
    StallAfter(usize),
    /// It falls silent for a while after so many bytes of the body.
    PauseAfter(usize, Duration),
    /// It gives the audio of its song, but under another ETag.
    OtherTag,
    /// It gives other audio under its own, right ETag.
    OtherAudio(Bytes),
    /// It ignores `Range`.
    WholeInstead,
    /// It reads so many bytes of an upload and closes the connection.
    CutUploadAfter(usize),
    /// It takes no more than so many bytes of an upload.
    StallUploadAfter(usize),
    /// It stores the upload, and closes the connection without an answer.
    StoreAndClose,
    /// It takes the upload whole, stores nothing, and closes the connection.
    DropAndClose,
}
