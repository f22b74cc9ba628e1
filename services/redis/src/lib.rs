//! A cache node on a Redis server, or several of them behind Redis Cluster or Sentinel.
//!
//! One connection carries the commands of all callers (pipelined by the client library). Every
//! command has a deadline of ours, and so has connecting, which goes on in the background when the
//! caller has gone: a caller's patience is shorter than a handshake may take. A connection on which
//! anything failed but the command itself is thrown away: the library keeps using links whose other
//! end is gone (redis-rs issues on stale cluster nodes).

mod servers;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use redis::{Cmd, FromRedisValue, InfoDict, RedisError};

use kadenza_cache::{Keep, Refused, Store, StoreError, StoredValue};
use kadenza_contract::{CacheNodeStatus, Result};
use kadenza_tls::Roots;
use servers::{ANSWERING, CONNECTING, Link, Servers};

/// Redis as a cache node. Cloning the connection is cheap; the node is used behind an [`Arc`].
pub struct Redis {
    name: Arc<str>,
    at: Arc<Servers>,
    is_exposed: bool,
    link: Arc<Mutex<LinkState>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

type Connecting = Shared<BoxFuture<'static, Option<Arc<RedisError>>>>;

#[derive(Default)]
struct LinkState {
    link: Option<Link>,
    /// Counts the connections, so that a caller throws away the one that failed it, not the next.
    number: u64,
    connecting: Option<Connecting>,
}

impl Redis {
    /// A server (`redis://HOST:PORT`, `redis+unix:///PATH`), a cluster (`redis+cluster://HOST:PORT,HOST:PORT…`), or the
    /// primary that sentinels watch (`redis+sentinel://HOST:PORT,HOST:PORT…/NAME`). With `rediss` in the place of `redis`
    /// TLS is spoken with all of them, and each must prove to be the host under which it is known. A user and a
    /// password before an `@` are for all servers, and for the sentinels that ask for one. It is connected to when it is
    /// first needed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](kadenza_contract::Error::Invalid) if the URL is none of these.
    pub fn new(url: &str) -> Result<Redis> {
        Redis::with_roots(url, &Roots::default())
    }

    /// The same, and says who may vouch for its servers where TLS is spoken.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Redis::new).
    pub fn with_roots(url: &str, roots: &Roots) -> Result<Redis> {
        let (at, is_exposed) = Servers::of(url, roots)?;
        Ok(Redis {
            name: without_password(url).into(),
            at: Arc::new(at),
            is_exposed,
            link: Arc::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// Whether what is said to the servers that the URL names passes in the clear beyond this machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    /// Whether it is several servers that look like one.
    #[must_use]
    pub fn is_spread(&self) -> bool {
        !matches!(*self.at, Servers::Server(_))
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let (mut link, number) = self.link().await?;
        let asking = async {
            match &mut link {
                Link::One(link) => command.query_async(link).await,
                Link::Cluster(link) => command.query_async(link).await,
            }
        };
        let unused = Thrown {
            state: &self.link,
            number,
            is_kept: false,
        };
        let answer = tokio::time::timeout(ANSWERING, asking).await;
        match answer {
            Ok(Ok(answer)) => {
                unused.keep();
                Ok(answer)
            }
            // The server answered, and says no.
            Ok(Err(error)) if error.code() == Some("OOM") => {
                unused.keep();
                Err(Refused::Full.into())
            }
            Ok(Err(error)) => Err(StoreError::Failed(error.into())),
            Err(_) => Err(StoreError::Late(ANSWERING)),
        }
    }

    /// The `INFO` of the server; of each primary, where there are several.
    async fn infos(&self) -> Result<Vec<InfoDict>, StoreError> {
        let command = redis::cmd("INFO");
        if let Servers::Cluster(_) = *self.at {
            let infos: HashMap<String, InfoDict> = self.ask(&command).await?;
            return Ok(infos.into_values().collect());
        }
        Ok(vec![self.ask(&command).await?])
    }

    /// The connection; made now if there is none.
    async fn link(&self) -> Result<(Link, u64), StoreError> {
        let connecting = {
            let mut state = self.link.lock();
            if let Some(link) = &state.link {
                return Ok((link.clone(), state.number));
            }
            let fresh = || connect(Arc::clone(&self.at), Arc::clone(&self.link));
            state.connecting.get_or_insert_with(fresh).clone()
        };
        if let Some(error) = connecting.await {
            return Err(StoreError::Failed(error.into()));
        }
        let state = self.link.lock();
        let link = state.link.clone();
        // It may have failed somebody else already.
        let link = link.ok_or_else(|| StoreError::Failed("the connection was lost".into()))?;
        Ok((link, state.number))
    }
}

/// Throws a connection away unless it is said to be good: also when its user gave up waiting.
struct Thrown<'a> {
    state: &'a Mutex<LinkState>,
    number: u64,
    is_kept: bool,
}

impl Thrown<'_> {
    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Thrown<'_> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if !self.is_kept && state.number == self.number {
            state.link = None;
        }
    }
}

/// Connects in the background; gives what went wrong.
fn connect(at: Arc<Servers>, state: Arc<Mutex<LinkState>>) -> Connecting {
    let task = tokio::spawn(async move {
        let made = match tokio::time::timeout(CONNECTING, at.open()).await {
            Ok(made) => made,
            Err(_) => Err(RedisError::from((
                redis::ErrorKind::Io,
                "connecting took too long",
            ))),
        };
        let mut state = state.lock();
        state.connecting = None;
        match made {
            Ok(link) => {
                state.link = Some(link);
                state.number += 1;
                None
            }
            Err(error) => Some(Arc::new(error)),
        }
    });
    // The task neither panics nor is it cancelled before the runtime is.
    task.map(|ended| ended.unwrap_or(None)).boxed().shared()
}

/// The URL as it may be shown: without user and password, and without what follows a `?`, where those of a socket
/// stand.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let shown = host.split_once('?').map_or(host, |(shown, _)| shown);
    format!("{scheme}://{shown}")
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.name).finish()
    }
}

#[async_trait]
impl Store for Redis {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        Arc::clone(&self.name)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        let value: Option<Bytes> = self.ask(redis::cmd("GET").arg(key)).await?;
        let count = if value.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        count.fetch_add(1, Ordering::Relaxed);
        let node = Arc::clone(&self.name);
        Ok(value.map(|value| StoredValue { value, node }))
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(&value[..]);
        if let Some(ttl) = ttl {
            let ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX >> 1);
            command.arg("PX").arg(ms.max(1));
        }
        self.ask(&command).await
    }

    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
        let ms: i64 = self.ask(redis::cmd("PTTL").arg(key)).await?;
        Ok(match ms {
            -1 => Some(Keep::ForGood),
            ms => u64::try_from(ms)
                .ok()
                .map(Duration::from_millis)
                .map(Keep::For),
        })
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        let infos = self.infos().await;
        let entries: Result<u64, StoreError> = self.ask(&redis::cmd("DBSIZE")).await;
        let told = |field: &str| -> u64 {
            let infos = infos.iter().flatten();
            infos.filter_map(|info| info.get::<u64>(field)).sum()
        };
        vec![CacheNodeStatus {
            node: self.name.to_string(),
            is_up: infos.is_ok(),
            entries: entries.unwrap_or(0),
            bytes: told("used_memory"),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: told("evicted_keys"),
            ..CacheNodeStatus::default()
        }]
    }
}

#[cfg(test)]
mod tests {
    use kadenza_contract::Error;

    use super::*;

    #[test]
    fn a_url_is_one_of_some_kinds_and_shown_without_its_password() {
        for (url, name) in [
            ("redis://localhost:6379", "redis://localhost:6379"),
            (
                "redis://:secret@localhost:6379/1",
                "redis://localhost:6379/1",
            ),
            (
                "redis+cluster://user:secret@a:1,b:2",
                "redis+cluster://a:1,b:2",
            ),
            (
                "rediss+sentinel://:secret@a:1,b:2/songs",
                "rediss+sentinel://a:1,b:2/songs",
            ),
            (
                "redis+unix:///run/redis.sock?user=me&pass=secret",
                "redis+unix:///run/redis.sock",
            ),
            ("rediss://:secret@cache.home/3", "rediss://cache.home/3"),
        ] {
            let redis = Redis::new(url).unwrap();
            assert_eq!(&*redis.node_of(b""), name);
            assert!(!format!("{redis:?}").contains("cret"));
        }
        for url in [
            "",
            "http://localhost",
            "redis://",
            "rediss://",
            "redis+unix://",
            "redis+cluster://",
            "redis+sentinel://a:1",
            "redis+sentinel://a:1/",
            "redis+sentinel:///songs",
        ] {
            let error = Redis::new(url).map(|redis| redis.name);
            assert!(
                matches!(error, Err(Error::Invalid { .. })),
                "{url}: {error:?}"
            );
        }
    }
}
