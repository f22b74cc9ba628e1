//! The application of a node that takes no part: one question and one answer, on a connection of their own.

use std::{io, net::SocketAddr, time::Duration};

use super::dial::dial;
use crate::{
    peer::PeerId,
    security::{
        APPLICATION_BYTES_MAX, NodeKey,
        gate::{read, write},
        tls::{self, Tls},
    },
};

/// Applies to the node with this id at this address.
///
/// The application is made once it is proven who is there, and of the secret that both ends of the connection alone
/// share (RFC 9266); at most [`APPLICATION_BYTES_MAX`] bytes, as the answer.
///
/// # Errors
///
/// If the address cannot be reached in time, if another node lives there, or if it gives no answer.
pub async fn apply(
    key: &NodeKey,
    to: SocketAddr,
    id: PeerId,
    patience: Duration,
    application: impl FnOnce([u8; 32]) -> Vec<u8>,
) -> io::Result<Vec<u8>> {
    let tls = Tls::of(key, None).map_err(io::Error::other)?;
    let asked = async {
        let tcp = dial(to, patience).await?;
        let (mut stream, found) = tls.apply(tcp, to.ip()).await?;
        if found != id {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "another node lives at this address",
            ));
        }
        let binding = tls::binding(stream.get_ref().1)?;
        write(&mut stream, &application(binding)).await?;
        read(&mut stream, APPLICATION_BYTES_MAX).await
    };
    let late = |_late| io::Error::new(io::ErrorKind::TimedOut, "it takes too long to answer");
    tokio::time::timeout(patience, asked).await.map_err(late)?
}
