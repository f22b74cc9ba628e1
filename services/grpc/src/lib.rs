//! A library in another process, over gRPC.
//!
//! [`serve`] offers any [`MusicService`](kadenza_contract::MusicService) to others; [`Client`] is the service
//! that another process offers. Between them lies the description that begins with
//! `proto/kadenza/v1/music.proto`, which any language can speak: [`proto`] is the Rust of it.
//!
//! Nothing that comes over the wire is believed: texts become questions, ids and songs by the same
//! doors as everywhere, and what does not fit is refused by the server and an
//! [`Error::Protocol`](kadenza_contract::Error::Protocol) to the client. Errors keep their meaning.
//!
//! Every wait has a deadline, and every queue, message and number of calls a bound.

mod answers;
mod client;
mod client_config;
mod connector;
mod failure;
mod guard;
mod lines;
mod listening;
mod questions;
mod sending;
mod server;
mod songs;

#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    rustdoc::all,
    clippy::pedantic,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    reason = "generated"
)]
pub mod proto {
    //! The messages and stubs of `kadenza.v1`, generated from its description.
    //!
    //! They are kept in `generated/`, because the generators take longer to build than this crate; the
    //! test `generated` compares them with the description.

    include!("generated/kadenza.v1.rs");

    /// The description itself, as a `google.protobuf.FileDescriptorSet`.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/music.bin");
}

pub use client::Client;
pub use client_config::ClientConfig;
pub use server::{ServerConfig, serve};

/// The most bytes of audio or of a picture in one message. Small enough that a few of them in
/// flight are little memory, large enough that a message's overhead does not count.
pub const PIECE_BYTES_MAX: usize = 256 * 1024;

/// The largest message that carries anything but a list, in bytes: a piece, or a song with all its
/// recordings.
const MESSAGE_BYTES_MAX: usize = PIECE_BYTES_MAX + 64 * 1024;

/// The largest list, in bytes: what clients in most languages take unless told otherwise.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many calls may be under way on one connection. HTTP/2 has one window for a whole connection:
/// if the streams that nobody reads could fill it, they would stop all others. So the window of the
/// connection is as large as those of all its streams together.
const STREAMS_MAX: u32 = 128;

/// How much of a stream may be on its way, in bytes. Two pieces, so that one travels while another
/// is read.
const STREAM_WINDOW: u32 = 2 * PIECE_BYTES_MAX as u32;

/// How much of a connection may be on its way, in bytes; see [`STREAMS_MAX`].
const CONNECTION_WINDOW: u32 = STREAMS_MAX * STREAM_WINDOW;

/// The largest frame that is taken, in bytes: a piece in a few frames.
const FRAME_BYTES_MAX: u32 = 64 * 1024;

/// The reason why a message is refused.
type Parsed<T> = std::result::Result<T, String>;
