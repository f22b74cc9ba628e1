//! The flags of gRPC: the address of a backend, at both of its ends, and how what is said there is encrypted.

use std::{fmt, net::SocketAddr, str::FromStr};

use clap::Args;
use kadenza_stack::Address;
use kadenza_tls::Certificate;

use super::tls::{CertificateFlags, Door};
use crate::fault::Fault;

/// The port of a backend where a URL names none.
const PORT: u16 = 4535;

/// The address of a `kadenza backend`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackendUrl {
    pub(super) address: Address,
    /// Whether TLS is spoken: `grpcs` in the place of `grpc`.
    pub(super) is_encrypted: bool,
}

impl FromStr for BackendUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<BackendUrl, String> {
        // Without what was wrong: that may be a part of a password.
        let wrong = || {
            "expected grpcs://HOST:PORT or grpc://HOST:PORT, for example grpc://127.0.0.1:4535"
                .to_owned()
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let has_port = rest.rsplit_once(':').is_some_and(|(host, port)| {
            !port.contains(']') && (!host.contains(':') || host.starts_with('['))
        });
        let parsed: Result<Address, String> = if has_port {
            rest.parse()
        } else {
            format!("{rest}:{PORT}").parse()
        };
        Ok(BackendUrl {
            address: parsed.map_err(|_| wrong())?,
            is_encrypted: scheme == "grpcs",
        })
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "grpcs" } else { "grpc" };
        write!(f, "{scheme}://{}", self.address)
    }
}

/// Whether gRPC may be spoken without encryption.
#[derive(Debug, Args)]
pub(super) struct InsecureGrpc {
    /// Speak gRPC without encryption also with other machines, as client of a --library grpc://… and at the --grpc
    /// address of a backend: for a network in which everybody may hear everything
    #[arg(long)]
    insecure_grpc: bool,
}

impl InsecureGrpc {
    /// A backend that is spoken to without encryption must be on this machine.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if it is elsewhere, and encryption is missing.
    pub(super) fn check(&self, url: &BackendUrl) -> Result<(), Fault> {
        if url.is_encrypted || url.address.is_loopback() {
            return Ok(());
        }
        if !self.insecure_grpc {
            return Err(Fault::Usage(format!(
                "--library {url} is another machine, and grpc:// is not encrypted: write grpcs:// for a backend with --tls-cert, and add --ca FILE where an authority of your own vouches for it; or add --insecure-grpc, if everybody may hear everything"
            )));
        }
        tracing::warn!(library = %url, "--insecure-grpc: whoever is on the way can read and change all that is said to the library");
        Ok(())
    }

    /// The certificate for the address of `--grpc`, if there is one. Without it, the address must be on loopback.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the files are no certificate and key, or encryption is missing.
    pub(super) async fn certificate(
        &self,
        files: &CertificateFlags,
        grpc: SocketAddr,
    ) -> Result<Option<Certificate>, Fault> {
        let door = Door {
            protocol: "gRPC",
            flag: "--grpc",
            insecure: "--insecure-grpc",
            is_insecure: self.insecure_grpc,
            excuse: "if everybody may hear everything",
        };
        files.certificate(&door, grpc).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_a_host_with_a_port_or_at_the_usual_one() {
        for (text, told) in [
            ("grpc://localhost:1", "grpc://localhost:1"),
            ("grpc://music.home", "grpc://music.home:4535"),
            ("grpcs://music.home/", "grpcs://music.home:4535"),
            ("grpc://[::1]:7/", "grpc://[::1]:7"),
            ("grpcs://[::1]", "grpcs://[::1]:4535"),
        ] {
            let url: BackendUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), told);
        }
        for wrong in [
            "grpc://",
            "grpc://a:b",
            "grpcs://::1",
            "grpcs://a/b",
            "grpc://:1",
        ] {
            let told = wrong.parse::<BackendUrl>().unwrap_err();
            assert!(told.contains("grpcs://HOST:PORT"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_backend_elsewhere_is_spoken_to_encrypted() {
        let check = |insecure_grpc, text: &str| {
            let url = text.parse().unwrap();
            InsecureGrpc { insecure_grpc }.check(&url).is_ok()
        };
        for here in ["grpc://localhost", "grpc://127.0.0.9", "grpc://[::1]"] {
            assert!(check(false, here), "{here}");
        }
        for elsewhere in [
            "grpc://music.home",
            "grpc://10.0.0.1",
            "grpc://localhost.music.home",
            "grpc://0.0.0.0",
        ] {
            assert!(!check(false, elsewhere), "{elsewhere}");
            assert!(check(true, elsewhere), "{elsewhere}");
            let encrypted = elsewhere.replace("grpc", "grpcs");
            assert!(check(false, &encrypted), "{encrypted}");
        }
    }
}
