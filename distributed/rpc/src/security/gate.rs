//! Who may take part: what two nodes show each other right after the handshake of TLS, before anything else is said.
//!
//! The node that dialled shows its introduction first. The other one shows its own only if it admits that node, so
//! that a stranger who dials learns nothing. No envelope is written before both have admitted each other.

use std::{fmt, io};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::peer::PeerId;

/// The longest introduction, in bytes.
pub const INTRODUCTION_BYTES_MAX: usize = 16 << 10;
/// The longest application, and the longest answer to one, in bytes.
pub const APPLICATION_BYTES_MAX: usize = 256 << 10;

/// Decides which proven nodes may take part. Its methods are called on the tasks that make connections: they must not
/// block.
pub trait Gate: fmt::Debug + Send + Sync + 'static {
    /// What this node shows others, at most [`INTRODUCTION_BYTES_MAX`] bytes.
    fn introduction(&self) -> Vec<u8>;

    /// Whether a node takes part that has proven its id and shows this.
    ///
    /// # Errors
    ///
    /// Why it does not, for this node's log alone.
    fn admit(&self, id: &PeerId, introduction: &[u8]) -> Result<(), String>;

    /// Whether a node that was admitted may go on: it may have been shut out since.
    fn still_admits(&self, id: &PeerId) -> bool;

    /// Whether a node takes part, as far as this one knows without being shown anything. Such a node may apply whatever
    /// strangers do.
    fn knows(&self, id: &PeerId) -> bool;

    /// Answers a node that takes no part yet, or no longer, and applies. The answer has at most
    /// [`APPLICATION_BYTES_MAX`] bytes; none ends the connection without one.
    fn apply(
        &self,
        applicant: Applicant,
        application: Vec<u8>,
    ) -> BoxFuture<'static, Option<Vec<u8>>>;
}

/// Who applies, and on which connection.
#[derive(Debug, Clone, Copy)]
pub struct Applicant {
    /// The id that it has proven.
    pub id: PeerId,
    /// A secret that both ends of this connection alone share (RFC 9266): what is bound to it cannot be said again on
    /// another one.
    pub binding: [u8; 32],
}

/// Shows this node's introduction on a connection that it made, and looks at the other one's.
pub(crate) async fn introduce<S>(stream: &mut S, gate: &dyn Gate, id: &PeerId) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write(stream, &gate.introduction()).await?;
    let shown = read(stream, INTRODUCTION_BYTES_MAX).await?;
    gate.admit(id, &shown).map_err(refused)
}

/// Looks at the introduction of a node that made a connection, and shows this node's own.
pub(crate) async fn receive<S>(stream: &mut S, gate: &dyn Gate, id: &PeerId) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shown = read(stream, INTRODUCTION_BYTES_MAX).await?;
    gate.admit(id, &shown).map_err(refused)?;
    write(stream, &gate.introduction()).await
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Writes bytes behind their length.
pub(crate) async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    stream.write_all(&len.to_be_bytes()).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Reads bytes behind their length, at most so many.
pub(crate) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
) -> io::Result<Vec<u8>> {
    let len = stream.read_u32().await?;
    if usize::try_from(len).is_ok_and(|len| len > bytes_max) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it begins with {len} bytes, of {bytes_max} at most"),
        ));
    }
    // Grows with what comes: a length is a claim.
    let mut bytes = Vec::new();
    stream.take(len.into()).read_to_end(&mut bytes).await?;
    match u32::try_from(bytes.len()) == Ok(len) {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
