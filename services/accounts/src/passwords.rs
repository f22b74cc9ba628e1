//! Passwords: hashed with Argon2id (RFC 9106), a few at a time.
//!
//! A hash costs 19 MiB and some tens of milliseconds on purpose, so strangers could fill the memory and keep
//! the processor busy by signing in. Two are under way at once, and few wait.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;

use crate::{
    error::{AccountsError, Result},
    secret::Secret,
};

const AT_ONCE: usize = 2;
const WAITING_MAX: usize = 32;
const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const BYTES_MAX: usize = 1024;
/// NIST SP 800-63B and ASVS 5.0 (6.2.1) ask for 8 at least.
const CHARS_MIN: usize = 8;
/// What a hash from another node may cost at most: as much memory, in KiB, as a few of our own.
const MEMORY_KIB_MAX: u32 = 64 << 10;
const ROUNDS_MAX: u32 = 8;
const LANES_MAX: u32 = 4;
const PHC_BYTES_MAX: usize = 256;

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Semaphore,
    /// The hash of a password that nobody knows, checked where there is no account, for the same time.
    nobody: String,
}

impl Passwords {
    pub(crate) fn new() -> Passwords {
        let chance: [u8; 32] = rand::random();
        Passwords {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING_MAX),
            nobody: hash(&chance),
        }
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String> {
        let bytes = normalised(password)?;
        if password.expose().chars().count() < CHARS_MIN {
            return Err(AccountsError::invalid(
                "a password has at least 8 characters",
            ));
        }
        self.in_turn(move || hash(&bytes)).await
    }

    /// Whether a password is that of a hash. Without one the answer is no, after as long.
    pub(crate) async fn verify(&self, password: &Secret, phc: Option<&str>) -> Result<bool> {
        let bytes = normalised(password)?;
        let is_known = phc.is_some();
        let phc = phc.unwrap_or(&self.nobody).to_owned();
        let is_right = self.in_turn(move || verify(&bytes, &phc)).await?;
        Ok(is_right && is_known)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = self.turn().await?;
        // The turn ends with the work, also when nobody waits for it any more.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| AccountsError::Busy)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let _waiting = self
            .waiting
            .try_acquire()
            .map_err(|_| AccountsError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(AccountsError::Busy),
        }
    }
}

/// The bytes of a password, the same however its accents were typed (RFC 8265).
fn normalised(password: &Secret) -> Result<Vec<u8>> {
    let text = password.expose();
    match text.len() > BYTES_MAX {
        true => Err(AccountsError::invalid("a password has at most 1024 bytes")),
        false => Ok(text.nfc().collect::<String>().into_bytes()),
    }
}

fn hash(password: &[u8]) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    let salt: [u8; 16] = rand::random();
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password, &salt)
        .expect("a password of at most 1024 bytes, and a salt of 16");
    hash.to_string()
}

fn verify(password: &[u8], phc: &str) -> bool {
    let hash = PasswordHash::new(phc);
    hash.is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// Whether a hash, which may come from another node, is one of Argon2id that is not too costly to check.
pub(crate) fn check(phc: &str) -> std::result::Result<(), &'static str> {
    const WRONG: &str = "a password is kept as a PHC string with Argon2id";
    if phc.len() > PHC_BYTES_MAX {
        return Err(WRONG);
    }
    let hash = PasswordHash::new(phc).map_err(|_| WRONG)?;
    let params = Params::try_from(&hash).map_err(|_| WRONG)?;
    let is_cheap = params.m_cost() <= MEMORY_KIB_MAX
        && params.t_cost() <= ROUNDS_MAX
        && params.p_cost() <= LANES_MAX;
    match hash.algorithm.as_str() == "argon2id" && hash.hash.is_some() && is_cheap {
        true => Ok(()),
        false => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_however_it_was_typed() {
        let passwords = Passwords::new();
        let phc = passwords.hash(&secret("caf\u{e9} noir")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        check(&phc).unwrap();
        for (typed, right) in [
            ("cafe\u{301} noir", true),
            ("cafe noir", false),
            ("", false),
        ] {
            let told = passwords.verify(&secret(typed), Some(&phc)).await.unwrap();
            assert_eq!(told, right, "{typed}");
        }
        assert!(!passwords.verify(&secret("anything"), None).await.unwrap());
        assert!(passwords.hash(&secret("short")).await.is_err());
        assert!(
            passwords
                .hash(&secret(&"x".repeat(BYTES_MAX + 1)))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_crowd_that_signs_in_waits_or_is_sent_away() {
        let passwords = Passwords::new();
        let crowd =
            (0..200).map(|_| async { passwords.turn().await.map(std::mem::forget).is_ok() });
        tokio::time::pause();
        let mut crowd: Vec<_> = crowd.map(Box::pin).collect();
        let mut admitted = 0;
        let all = std::future::poll_fn(|context| {
            crowd.retain_mut(|one| match one.as_mut().poll(context) {
                std::task::Poll::Ready(turn) => {
                    admitted += usize::from(turn);
                    false
                }
                std::task::Poll::Pending => true,
            });
            match crowd.len() {
                0 => std::task::Poll::Ready(()),
                waiting => {
                    assert!(waiting <= WAITING_MAX);
                    std::task::Poll::Pending
                }
            }
        });
        all.await;
        assert_eq!(admitted, AT_ONCE);
    }
}
