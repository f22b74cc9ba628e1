//! Who has which token, remembered for a moment: a page of a player asks for fifty covers at once.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kadenza_accounts::{Caller, Secret};
use quick_cache::sync::Cache;
use tokio::time::Instant;

/// For how long a server's yes is believed, counted from the question: so a token that was revoked elsewhere is
/// refused here after as long.
const BELIEVED: Duration = Duration::from_secs(5);
/// How many callers are remembered. A guess: more than people who use one gateway within some seconds.
const CALLERS_MAX: usize = 4096;

/// Those who have shown their token in the last seconds. The tokens are not in it, only their hashes.
#[derive(Debug)]
pub(super) struct Known {
    callers: Cache<blake3::Hash, (Caller, Instant)>,
    /// Counts what may have ended a token.
    ended: AtomicU64,
}

/// A question that is being asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    at: Instant,
    ended: u64,
}

impl Default for Known {
    fn default() -> Known {
        Known {
            callers: Cache::new(CALLERS_MAX),
            ended: AtomicU64::new(0),
        }
    }
}

impl Known {
    /// Who has this token, without the credential.
    pub(super) fn get(&self, secret: &Secret) -> Option<Caller> {
        let (caller, asked_at) = self.callers.get(&key(secret))?;
        (asked_at.elapsed() < BELIEVED).then_some(caller)
    }

    /// A question begins.
    pub(super) fn ask(&self) -> Asked {
        Asked {
            at: Instant::now(),
            ended: self.ended.load(Ordering::SeqCst),
        }
    }

    /// Remembers the answer to a question, unless a token was ended meanwhile.
    pub(super) fn remember(&self, asked: Asked, secret: &Secret, caller: &Caller) {
        let caller = Caller {
            credential: None,
            ..caller.clone()
        };
        self.callers.insert(key(secret), (caller, asked.at));
        // Looked at after the insertion, so that one of the two sees the other.
        if self.ended.load(Ordering::SeqCst) != asked.ended {
            self.callers.remove(&key(secret));
        }
    }

    /// A token may have been ended, or may do less from now on.
    pub(super) fn forget_all(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.callers.clear();
    }
}

fn key(secret: &Secret) -> blake3::Hash {
    blake3::hash(secret.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use kadenza_accounts::{AccountId, Role, TokenId, TokenKind};

    use super::*;

    fn caller() -> Caller {
        Caller {
            account: AccountId::from_bytes([1; 16]),
            name: "lea".to_owned(),
            role: Role::Listen,
            token: TokenId::from_bytes([2; 16]),
            kind: TokenKind::App,
            credential: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_yes_is_believed_for_some_seconds_from_the_question() {
        let (known, secret) = (Known::default(), Secret::from("one".to_owned()));
        let asked = known.ask();
        tokio::time::advance(Duration::from_secs(2)).await;
        known.remember(asked, &secret, &caller());
        assert_eq!(known.get(&Secret::from("two".to_owned())), None);
        tokio::time::advance(Duration::from_millis(2999)).await;
        assert_eq!(known.get(&secret), Some(caller()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(known.get(&secret), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_sign_out_is_not_believed_after_it() {
        let (known, secret) = (Known::default(), Secret::from("one".to_owned()));
        known.remember(known.ask(), &secret, &caller());
        let asked = known.ask();
        known.forget_all();
        assert_eq!(known.get(&secret), None);
        known.remember(asked, &secret, &caller());
        assert_eq!(known.get(&secret), None);
        known.remember(known.ask(), &secret, &caller());
        assert_eq!(known.get(&secret), Some(caller()));
    }

    #[tokio::test]
    async fn callers_are_remembered_within_bounds() {
        let known = Known::default();
        for number in 0..3 * CALLERS_MAX {
            known.remember(known.ask(), &Secret::from(number.to_string()), &caller());
        }
        assert!(known.callers.len() <= CALLERS_MAX);
    }
}
