//! How the way to the database is encrypted.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// What to do where the server cannot be verified.
const HINT: &str = "a server on another machine must prove its name by a certificate: one of an authority of \
    your own is named by ?sslrootcert=FILE in the address, and ?sslmode=disable does without, so that whoever is on the \
    way reads passwords and songs";

/// Encrypted and verified (`sslmode=verify-full`), unless the server is on this machine or the address says that
/// less will do. That an unverified connection is tried first or taken at need (`prefer`, `allow`) says nothing:
/// whoever is on the way could have it so.
pub(super) fn verified(options: PgConnectOptions) -> PgConnectOptions {
    if is_here(&options) {
        return options;
    }
    match options.get_ssl_mode() {
        PgSslMode::Prefer | PgSslMode::Allow => options.ssl_mode(PgSslMode::VerifyFull),
        PgSslMode::VerifyFull => options,
        PgSslMode::Disable | PgSslMode::Require | PgSslMode::VerifyCa => {
            tracing::warn!(
                host = options.get_host(),
                "the way to the database is not safe, as the address says by sslmode: {HINT}"
            );
            options
        }
    }
}

/// The error of a connection, with what to do about it where the server could not be verified.
pub(super) fn explained(error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::Tls(cause) => sqlx::Error::Tls(format!("{cause}: {HINT}").into()),
        error => error,
    }
}

/// Whether what is said to the server stays on this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn only_this_machine_is_trusted_without_proof() {
        for (url, mode) in [
            ("postgres://u:p@localhost/d", PgSslMode::Prefer),
            ("postgres://u:p@127.0.0.2:5433/d", PgSslMode::Prefer),
            ("postgres://u:p@[::1]/d", PgSslMode::Prefer),
            ("postgres:///d?host=/run/postgresql", PgSslMode::Prefer),
            (
                "postgres://u:p@127.0.0.1/d?sslmode=require",
                PgSslMode::Require,
            ),
            ("postgres://u:p@db.example/d", PgSslMode::VerifyFull),
            ("postgres://u:p@10.0.0.7/d", PgSslMode::VerifyFull),
            ("postgres://u:p@[fd00::1]/d", PgSslMode::VerifyFull),
            ("postgres://u:p@localhost.example/d", PgSslMode::VerifyFull),
            (
                "postgres://u:p@db.example/d?sslmode=prefer",
                PgSslMode::VerifyFull,
            ),
            (
                "postgres://u:p@db.example/d?sslmode=allow",
                PgSslMode::VerifyFull,
            ),
            (
                "postgres://u:p@db.example/d?sslmode=disable",
                PgSslMode::Disable,
            ),
            (
                "postgres://u:p@db.example/d?sslmode=verify-ca",
                PgSslMode::VerifyCa,
            ),
        ] {
            let options = verified(PgConnectOptions::from_str(url).unwrap());
            let said = (options.get_ssl_mode() as u8, mode as u8);
            assert_eq!(said.0, said.1, "{url}");
        }
    }
}
