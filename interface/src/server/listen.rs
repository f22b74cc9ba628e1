//! Addresses of a server, named by a flag.

use std::net::SocketAddr;

use kadenza_stack::{Address, HttpListener};

use super::flags::{SiteFlags, TlsFlags};
use crate::fault::Fault;

/// Looks up the host of an address that a `flag` gave.
///
/// # Errors
///
/// [`Fault::Io`] if the name is not known.
pub(crate) async fn resolve(address: &Address, flag: &str) -> Result<SocketAddr, Fault> {
    let resolved = address.resolve().await;
    resolved.map_err(|cause| Fault::io(format!("{flag} {address}: the host is not known"), cause))
}

/// Takes the address of `--http`.
///
/// # Errors
///
/// [`Fault::Io`] if another process has it, and [`Fault::Usage`] if it must be encrypted and is not.
pub(crate) async fn http(
    address: &Address,
    tls: &TlsFlags,
    site: &SiteFlags,
) -> Result<HttpListener, Fault> {
    let http = resolve(address, "--http").await?;
    let certificate = tls.certificate(http).await?;
    let listener = HttpListener::bind(http, certificate.as_ref()).map_err(|cause| {
        let what = format!("cannot serve HTTP at {http} (choose another with --http)");
        Fault::io(what, cause)
    })?;
    Ok(listener.behind(site.proxies()))
}

/// Logs that connections were cut at the end, if any were.
pub(crate) fn warn_of_cut(connections: usize) {
    if connections > 0 {
        tracing::warn!("{connections} connections were cut: they took too long to end");
    }
}
