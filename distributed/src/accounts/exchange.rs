//! The exchange of entries between two nodes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_accounts::{AccountsError, Digests, Entry, Lacking, LocalAccounts, Written};
use kadenza_contract::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{
    Contact, Key, Reply, Request, cluster::Cluster, network::cards, rpc::ATTACHMENT_BYTES_MAX,
};

/// How many bytes of entries go into one frame, beside digests and brackets.
const ENTRIES_BYTES_MAX: usize = ATTACHMENT_BYTES_MAX - (64 << 10);
/// How long a node may take to make entries durable.
const HARD: Duration = Duration::from_secs(10);
/// How many frames one exchange has in each direction at most: more than the most entries fill.
const FRAMES_MAX: usize = 512;
/// How long an exchange may take. What is missing then is found by the next one.
const EXCHANGE_MS_MAX: u64 = 5 * 60 * 1000;

/// The attachment of [`Reply::Accounts`].
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    /// What the answerer knows, for what the asker may give back.
    digests: BTreeMap<u8, Key>,
    /// What the asker may lack.
    entries: Vec<Entry>,
}

impl Cluster {
    /// Tells other nodes what is written to the accounts here, for as long as the node runs.
    pub(crate) async fn tell_of_accounts(self: Arc<Self>) {
        let Some(accounts) = self.accounts().local.clone() else {
            return;
        };
        let Some(mut written) = accounts.written() else {
            return;
        };
        while let Some(Written { entries, told }) = written.recv().await {
            let Ok(entries) = cards::json(&entries).map(Bytes::from) else {
                continue;
            };
            // A node that is slow keeps what is written next from nothing.
            let cluster = Arc::clone(&self);
            self.begin(async move {
                cluster.tell(entries).await;
                // Whoever wrote it may have waited long enough.
                let _ = told.send(());
            });
        }
    }

    async fn tell(&self, entries: Bytes) {
        let view = self.members().view();
        let contacts = view.layout().contacts();
        let others = contacts.filter(|one| one.id != self.own().id);
        let told = others.map(async |other| {
            if let Err(error) = self.give_accounts(&other, entries.clone()).await {
                tracing::debug!(%error, node = %other.id, "not told of accounts");
            }
        });
        futures_util::future::join_all(told).await;
    }

    /// A node says which accounts it knows.
    pub(crate) fn told_accounts(self: &Arc<Self>, node: &Contact, theirs: Key) {
        let now_ms = self.outside().env.now_ms();
        if !self.accounts().is_to_compare(node.id, theirs, now_ms) {
            return;
        }
        let (cluster, node) = (Arc::clone(self), *node);
        self.begin(async move {
            if let Err(error) = cluster.exchange_accounts(&node).await {
                tracing::debug!(%error, node = %node.id, "accounts were not exchanged");
            }
        });
    }

    /// Takes what a node has and this one lacks, and gives it what it lacks.
    async fn exchange_accounts(&self, node: &Contact) -> Result<()> {
        let Some(accounts) = &self.accounts().local else {
            return Ok(());
        };
        let Some(_exchange) = self.accounts().exchange(node.id) else {
            return Ok(());
        };
        let began_ms = self.outside().env.now_ms();
        let is_late = || {
            let now_ms = self.outside().env.now_ms();
            match now_ms.saturating_sub(began_ms) > EXCHANGE_MS_MAX {
                true => Err(strange(node, "accounts too slowly")),
                false => Ok(()),
            }
        };
        let mut theirs = Digests::new();
        let mut after = String::new();
        for _ in 0..FRAMES_MAX {
            is_late()?;
            let request = Request::Accounts {
                after: after.clone(),
            };
            let ours = cards::json(&keys(&accounts.digests()))?.into();
            let answer = self.caller().call(node, &request, ours, HARD).await?;
            let Reply::Accounts { next } = answer.reply else {
                return Err(strange(node, "something else than accounts"));
            };
            let part: Part = serde_json::from_slice(&answer.attachment)
                .map_err(|_| strange(node, "accounts that are none"))?;
            theirs = digests(part.digests);
            accounts.take(part.entries).await.map_err(not_kept)?;
            match next {
                Some(next) if is_further(&after, &next) => after = next,
                Some(_) => return Err(strange(node, "the same accounts again")),
                None => break,
            }
        }
        let mut after = String::new();
        for _ in 0..FRAMES_MAX {
            is_late()?;
            let Lacking { entries, next } = accounts.lacking(&theirs, &after, ENTRIES_BYTES_MAX);
            if entries.is_empty() {
                break;
            }
            self.give_accounts(node, cards::json(&entries)?.into())
                .await?;
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        Ok(())
    }

    async fn give_accounts(&self, node: &Contact, entries: Bytes) -> Result<()> {
        let request = Request::TakeAccounts;
        let answer = self.caller().call(node, &request, entries, HARD).await?;
        match answer.reply {
            Reply::Done => Ok(()),
            _ => Err(strange(node, "something else than that it took accounts")),
        }
    }

    /// Answers a node that asks for what it lacks.
    pub(crate) fn accounts_after(&self, after: &str, theirs: &Bytes) -> Result<(Reply, Bytes)> {
        let accounts = self.kept_accounts()?;
        let theirs = serde_json::from_slice(theirs).map_err(|_| Error::Invalid {
            what: "digests of accounts that are none".into(),
        })?;
        let Lacking { entries, next } =
            accounts.lacking(&digests(theirs), after, ENTRIES_BYTES_MAX);
        let part = Part {
            digests: keys(&accounts.digests()),
            entries,
        };
        Ok((Reply::Accounts { next }, cards::json(&part)?.into()))
    }

    /// Takes the entries that a node gives.
    pub(crate) async fn take_accounts(&self, entries: &Bytes) -> Result<(Reply, Bytes)> {
        let entries = serde_json::from_slice(entries).map_err(|_| Error::Invalid {
            what: "entries of accounts that are none".into(),
        })?;
        self.kept_accounts()?
            .take(entries)
            .await
            .map_err(not_kept)?;
        Ok((Reply::Done, Bytes::new()))
    }

    fn kept_accounts(&self) -> Result<&LocalAccounts> {
        self.accounts()
            .local
            .as_deref()
            .ok_or_else(|| Error::Invalid {
                what: "this node keeps no accounts".into(),
            })
    }
}

/// Whether an answer goes on where the last one ended: one that does not would be asked for again and again.
fn is_further(after: &str, next: &str) -> bool {
    next > after
}

fn keys(digests: &Digests) -> BTreeMap<u8, Key> {
    let key = |(part, digest): (&u8, &[u8; 32])| (*part, Key::from_bytes(*digest));
    digests.iter().map(key).collect()
}

fn digests(keys: BTreeMap<u8, Key>) -> Digests {
    let digest = |(part, key): (u8, Key)| (part, *key.as_bytes());
    keys.into_iter().map(digest).collect()
}

fn strange(node: &Contact, what: &str) -> Error {
    Error::Protocol {
        place: node.address.to_string(),
        what: what.into(),
    }
}

fn not_kept(error: AccountsError) -> Error {
    match error {
        AccountsError::Storage(error) => error,
        error => Error::Invalid {
            what: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_accounts_go_forward() {
        assert!(is_further("", "00 name"));
        assert!(is_further("00 name", "00 role"));
        assert!(!is_further("00 name", "00 name"));
        assert!(!is_further("00 role", "00 name"));
        assert!(!is_further("00 role", ""));
    }
}
