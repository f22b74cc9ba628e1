//! The cache in front of whatever answers: flags of every command that serves.
//!
//! Answers (songs and lists) are remembered on the nodes that `--cache` names. Covers have memory of
//! this process, and so a budget of their own, whatever the nodes are: a few large pictures must not
//! drive thousands of small answers out.

mod layout;

use std::{str::FromStr, sync::Arc, time::Duration};

use clap::Args;
use futures_util::FutureExt;
#[cfg(feature = "redis")]
use kadenza_services::cache::Redis;
use kadenza_services::{
    MusicService,
    cache::{Cached, CachedConfig, Capacity, Embedded, Policy, Store},
};
use kadenza_views::CacheCounts;

use layout::{Layout, Node};

use crate::{bounds::size, fault::Fault, given::Given};

/// What an embedded node takes unless it is said otherwise: some thousands of pages of songs.
const BYTES: u64 = 64 << 20;
const ENTRIES: u32 = 100_000;
const COVER_BYTES: u64 = 32 << 20;
/// How many covers are remembered at most, however small they are.
const COVERS: usize = 100_000;
/// How long lists are remembered where nobody else can add songs to the library.
const TTL_ALONE: Duration = Duration::from_secs(60);
/// The same where somebody can: so long a list may lack a song that was added elsewhere.
const TTL_SHARED: Duration = Duration::from_secs(5);
/// How long songs are remembered on Redis, so that a server without `maxmemory` does not grow for ever,
/// and wherever only what expires may be let go. A guess: what was not asked for in a day can wait.
const SONGS: Duration = Duration::from_secs(24 * 3600);

/// What is remembered where, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "The cache")]
pub(crate) struct Cache {
    /// What remembers answers: `off`, `embedded` (memory of this process), redis://HOST:PORT,
    /// redis+cluster://HOST:PORT,HOST:PORT or redis+sentinel://HOST:PORT,HOST:PORT/NAME. Repeatable
    /// for several Redis servers [variable: several with blanks in between]. A Redis database, as in
    /// redis://HOST:PORT/3, belongs to one library; servers of the same library may share it
    #[arg(
        long,
        value_name = "CACHE",
        default_value = "off",
        value_delimiter = ' '
    )]
    cache: Vec<Place>,

    /// How several cache nodes stand together [default: central for one node, partitioned for
    /// several]
    #[arg(long, value_name = "LAYOUT")]
    cache_layout: Option<Layout>,

    /// How many nodes an embedded cache is made of [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    cache_nodes: Option<u8>,

    /// Which answers an embedded cache lets go when it is full: s3-fifo, or what Redis calls
    /// noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu,
    /// volatile-random, volatile-ttl. On Redis it is configured there, with maxmemory-policy
    /// [default: s3-fifo]
    #[arg(long, value_name = "POLICY")]
    cache_policy: Option<Policy>,

    /// What the answers on each node of an embedded cache may take; on Redis that is configured
    /// there, with maxmemory [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_bytes: Option<u64>,

    /// How many answers each node of an embedded cache keeps [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cache_entries: Option<u32>,

    /// What covers may take. They are remembered in memory of this process, also where answers are
    /// on Redis [default: 32MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_cover_bytes: Option<u64>,

    /// How long lists are remembered, as in 500ms, 30s or 5min. An upload through this cache, or
    /// through another on the same Redis, ends it at once or within a second; a song that was added
    /// past it is missing from remembered lists for so long. Songs never change, and are remembered
    /// until they are let go; on Redis and with a volatile-… policy for a day [default: 60s where
    /// the library is in --data of a server that is --standalone; 5s where other servers can add
    /// songs]
    #[arg(long, value_name = "TIME", value_parser = time)]
    cache_ttl: Option<Duration>,
}

/// Where a cache node is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Off,
    Embedded,
    /// The whole URL, which may hold a password.
    #[cfg(feature = "redis")]
    Redis(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match (text, scheme) {
            ("off", _) => Ok(Place::Off),
            ("embedded", _) => Ok(Place::Embedded),
            (_, Some("redis" | "rediss" | "redis+cluster" | "redis+sentinel")) => on_redis(text),
            _ => Err(format!("expected `off`, `embedded`{REDIS_TOO}")),
        }
    }
}

const REDIS_TOO: &str = if cfg!(feature = "redis") {
    ", redis://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT or redis+sentinel://HOST:PORT,HOST:PORT/NAME"
} else {
    ""
};

#[cfg(feature = "redis")]
fn on_redis(url: &str) -> Result<Place, String> {
    // Nothing is connected to here: this only says whether it is a URL.
    Redis::new(url).map_err(|error| error.to_string())?;
    Ok(Place::Redis(url.to_owned()))
}

#[cfg(not(feature = "redis"))]
fn on_redis(_: &str) -> Result<Place, String> {
    Err("this build knows no Redis; build it with the feature `redis`, or take `embedded` (memory of this process)".to_owned())
}

/// A time, with a unit; seconds without one.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let ms_each: u64 = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1000,
        "min" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return Err("expected seconds, or a time with a unit as in 500ms or 5min".to_owned()),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(ms_each))
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a whole number above 0, as in 500ms or 5min".to_owned())
}

/// Whose songs are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Songs {
    /// Those of a library to which this process alone adds.
    OfThisProcess,
    /// Those of a library to which other servers add too.
    Shared,
}

/// A cache that is ready to be put in front of a service.
#[derive(Debug)]
pub(crate) struct Planned {
    answers: Arc<dyn Store>,
    covers: Arc<dyn Store>,
    config: CachedConfig,
}

impl Planned {
    /// Puts it in front of a service.
    pub(crate) fn over(self, below: Arc<dyn MusicService>) -> Arc<Cached> {
        Arc::new(Cached::new(below, self.answers, self.covers, self.config))
    }
}

/// Says once, in the background, which nodes do not answer: the server serves without them.
pub(crate) fn warn_of_absent_nodes(cached: Arc<Cached>) {
    tokio::spawn(async move {
        for node in cached.counts().await.iter().filter(|node| !node.is_up) {
            tracing::warn!(
                "the cache {} does not answer: what it would remember is asked for each time, until it is back",
                node.node
            );
        }
    });
}

/// How the views ask for the state of the nodes.
pub(crate) fn counts_of(cached: &Arc<Cached>) -> CacheCounts {
    let cached = Arc::clone(cached);
    CacheCounts::new(move || {
        let cached = Arc::clone(&cached);
        async move { cached.counts().await }.boxed()
    })
}

impl Cache {
    /// The cache that the flags ask for; `None` if none. Nodes in this process are told apart from
    /// those of other servers by `url`, at which this one answers.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the flags cannot be meant together.
    pub(crate) fn plan(
        &self,
        given: &Given,
        songs: Songs,
        url: &str,
    ) -> Result<Option<Planned>, Fault> {
        let Some(nodes) = self.nodes(given, url)? else {
            return Ok(None);
        };
        let ttl = match songs {
            Songs::OfThisProcess => TTL_ALONE,
            Songs::Shared => TTL_SHARED,
        };
        let covers = Capacity {
            bytes: in_memory(self.cache_cover_bytes.unwrap_or(COVER_BYTES)),
            entries: COVERS,
        };
        let name = format!("covers@{}", authority(url));
        Ok(Some(Planned {
            answers: layout::laid_out(nodes, self.cache_layout)?,
            covers: Arc::new(Embedded::new(&name, covers, Policy::default())),
            config: CachedConfig {
                songs: self.songs_expire().then_some(SONGS),
                lists: self.cache_ttl.unwrap_or(ttl),
                ..CachedConfig::default()
            },
        }))
    }

    /// Checks what needs no more than the flags.
    ///
    /// # Errors
    ///
    /// Those of [`Cache::plan`].
    pub(crate) fn check(&self, given: &Given) -> Result<(), Fault> {
        self.plan(given, Songs::Shared, "").map(|_| ())
    }

    fn nodes(&self, given: &Given, url: &str) -> Result<Option<Vec<Node>>, Fault> {
        match self.cache.as_slice() {
            [Place::Off] => {
                given.none_of(&OF_A_CACHE, "needs a cache: choose one with --cache")?;
                Ok(None)
            }
            [Place::Embedded] => Ok(Some(self.embedded(url))),
            places if places.contains(&Place::Off) => Err(Fault::Usage(
                "--cache off goes with no other --cache".to_owned(),
            )),
            places if places.contains(&Place::Embedded) => Err(Fault::Usage(
                "--cache embedded goes with no other --cache: several nodes in this process are --cache-nodes N"
                    .to_owned(),
            )),
            #[cfg(feature = "redis")]
            places => on_servers(places, given).map(Some),
            #[cfg(not(feature = "redis"))]
            _ => Err(Fault::Usage("--cache is given without a cache".to_owned())),
        }
    }

    fn songs_expire(&self) -> bool {
        match self.cache.as_slice() {
            [Place::Embedded] => self.cache_policy.is_some_and(Policy::is_volatile),
            _ => true,
        }
    }

    fn embedded(&self, url: &str) -> Vec<Node> {
        let capacity = Capacity {
            bytes: in_memory(self.cache_bytes.unwrap_or(BYTES)),
            entries: self.cache_entries.unwrap_or(ENTRIES) as usize,
        };
        let policy = self.cache_policy.unwrap_or_default();
        let count = self.cache_nodes.unwrap_or(1);
        (1..=count)
            .map(|number| {
                let number = match count {
                    1 => String::new(),
                    _ => format!("-{number}"),
                };
                let name = format!("embedded{number}@{}", authority(url));
                Node {
                    store: Arc::new(Embedded::new(&name, capacity, policy)),
                    may_fail: false,
                    stands_alone: false,
                }
            })
            .collect()
    }
}

/// Flags that mean nothing without a cache.
const OF_A_CACHE: [&str; 7] = [
    "cache-layout",
    "cache-nodes",
    "cache-policy",
    "cache-bytes",
    "cache-entries",
    "cache-cover-bytes",
    "cache-ttl",
];

#[cfg(feature = "redis")]
fn on_servers(places: &[Place], given: &Given) -> Result<Vec<Node>, Fault> {
    given.none_of(
        &["cache-nodes"],
        "is for --cache embedded: on Redis name each server with a --cache of its own",
    )?;
    given.none_of(
        &["cache-policy"],
        "is for --cache embedded: on Redis set maxmemory-policy on the server",
    )?;
    given.none_of(
        &["cache-bytes", "cache-entries"],
        "is for --cache embedded: on Redis set maxmemory on the server",
    )?;
    let mut nodes = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let Place::Redis(url) = place else { continue };
        if places[..at].contains(place) {
            return Err(Fault::Usage(
                "the same --cache is named twice: each node is a server of its own".to_owned(),
            ));
        }
        nodes.push(Node {
            store: Arc::new(Redis::new(url)?),
            may_fail: true,
            stands_alone: url.starts_with("redis+"),
        });
    }
    Ok(nodes)
}

/// `HOST:PORT` of a base URL.
fn authority(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

/// A size that memory can have.
fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
