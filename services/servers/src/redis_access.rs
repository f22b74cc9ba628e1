//! How Redis servers are reached: encrypted or not, with a password or without.

use std::path::PathBuf;

/// What a server demands of those who connect. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisAccess {
    /// TLS, at a port of its own. The other port stays, for those who start and stop the server.
    pub tls: Option<RedisTls>,
    /// A user of the access control list, who has the password. Default: the user that has no name.
    pub user: Option<String>,
    /// A password, of letters and digits.
    pub password: Option<String>,
}

/// The files of a server that speaks TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTls {
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who vouches for the servers that it connects to.
    pub authority: PathBuf,
}

impl RedisAccess {
    /// As options of the command line; TLS at this port.
    pub(super) fn options(&self, tls_port: u16) -> Vec<String> {
        let mut options = Vec::new();
        if let Some(tls) = &self.tls {
            for (option, value) in [
                ("--tls-port", tls_port.to_string()),
                ("--tls-cert-file", tls.certificate.display().to_string()),
                ("--tls-key-file", tls.key.display().to_string()),
                ("--tls-ca-cert-file", tls.authority.display().to_string()),
                ("--tls-auth-clients", "no".to_owned()),
                ("--tls-replication", "yes".to_owned()),
            ] {
                options.extend([option.to_owned(), value]);
            }
        }
        options.extend(self.credentials());
        options
    }

    fn credentials(&self) -> Vec<String> {
        let Some(password) = &self.password else {
            return Vec::new();
        };
        let words = match &self.user {
            None => format!("--requirepass {password} --masterauth {password}"),
            Some(user) => format!(
                "--user default off --user {user} on >{password} ~* &* +@all --masteruser {user} --masterauth {password}"
            ),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// The words by which somebody makes himself known, if he has to.
    pub(super) fn greeting(&self) -> Option<String> {
        let password = self.password.as_ref()?;
        let user = self.user.as_deref().unwrap_or("default");
        Some(format!("AUTH {user} {password}\r\n"))
    }

    /// A URL of some servers, such as `redis+cluster`.
    pub(super) fn url(&self, kind: &str, places: &str) -> String {
        let scheme = match self.tls {
            Some(_) => "rediss",
            None => "redis",
        };
        let who = match &self.password {
            Some(password) => format!("{}:{password}@", self.user.as_deref().unwrap_or_default()),
            None => String::new(),
        };
        format!("{scheme}{kind}://{who}{places}")
    }
}
