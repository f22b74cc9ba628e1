//! The cache in front of whatever answers: flags of every command that serves.
//!
//! Answers (songs and lists) are remembered on the nodes that `--cache` names. Covers have memory of
//! this process, and so a budget of their own, whatever the nodes are: a few large pictures must not
//! drive thousands of small answers out.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use futures_util::FutureExt;
#[cfg(feature = "redis")]
use kadenza_services::cache::{Guarded, Redis};
use kadenza_services::{
    MusicService,
    cache::{
        Cached, CachedConfig, Capacity, Embedded, Partitioned, Patience, Policy, Replicated, Store,
    },
};
use kadenza_views::CacheCounts;

use crate::{bounds::size, fault::Fault, given::Given};

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

    /// How long lists are remembered, as in 500ms, 30s or 5min; songs never change, and are
    /// remembered until they are let go, on Redis and with volatile-… for a day. An upload through this cache, or
    /// through another on the same Redis, ends it at once or within a second; a song that was added
    /// past it is missing from remembered lists for so long [default: 60s where the library is in
    /// --data of a server that is --standalone; 5s where other servers can add songs]
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

/// How cache nodes stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// One node
    Central,
    /// Several nodes, each with its share of the answers
    Partitioned,
    /// Several nodes, each with all answers: a primary and its replicas
    Replicated,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Central => "central",
            Layout::Partitioned => "partitioned",
            Layout::Replicated => "replicated",
        })
    }
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
            answers: self.laid_out(nodes)?,
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

    fn laid_out(&self, nodes: Vec<Node>) -> Result<Arc<dyn Store>, Fault> {
        let count = nodes.len();
        let layout = self.cache_layout.unwrap_or(match count {
            1 => Layout::Central,
            _ => Layout::Partitioned,
        });
        let bad = |what: String| Err(Fault::Usage(what));
        match (layout, count) {
            (Layout::Central, 1) => {}
            (Layout::Central, _) => {
                return bad(format!(
                    "a central cache is one node, not {count}: leave the others out, or take --cache-layout partitioned or replicated"
                ));
            }
            (_, 1) => {
                return bad(format!(
                    "a {layout} cache needs several nodes: name more servers with --cache, or take --cache embedded --cache-nodes N"
                ));
            }
            _ if nodes.iter().any(|node| node.stands_alone) => {
                return bad(
                    "Redis Cluster and Sentinel spread and copy what is remembered by themselves: take one such --cache, and no other beside it"
                        .to_owned(),
                );
            }
            _ => {}
        }
        let patience = Patience::default();
        let store: Option<Arc<dyn Store>> = match layout {
            Layout::Central => nodes.into_iter().map(|node| node.guarded(patience)).next(),
            Layout::Partitioned => {
                let nodes = nodes.into_iter().map(|node| node.guarded(patience));
                Partitioned::over(nodes.collect()).map(|store| Arc::new(store) as Arc<dyn Store>)
            }
            // It guards its nodes itself: it has to know which of them are well.
            Layout::Replicated => {
                let nodes = nodes.into_iter().map(|node| node.store);
                Replicated::over(nodes.collect(), patience)
                    .map(|store| Arc::new(store) as Arc<dyn Store>)
            }
        };
        store.ok_or_else(|| Fault::Usage("--cache is given without a cache".to_owned()))
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

/// A node, before it has its place.
struct Node {
    store: Arc<dyn Store>,
    /// Whether it is elsewhere, and so may be slow or away.
    may_fail: bool,
    /// Whether it is many servers that look like one.
    stands_alone: bool,
}

impl Node {
    fn guarded(self, patience: Patience) -> Arc<dyn Store> {
        #[cfg(feature = "redis")]
        if self.may_fail {
            return Arc::new(Guarded::new(self.store, patience));
        }
        let _ = (self.may_fail, patience);
        self.store
    }
}

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
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        given: Given,
        #[command(flatten)]
        cache: Cache,
    }

    /// How the cache of a command line looks, or why it is refused.
    fn planned(line: &str) -> Result<Option<Planned>, String> {
        let words = std::iter::once("serve").chain(line.split(' ').filter(|word| !word.is_empty()));
        let matches = Line::command().try_get_matches_from(words);
        let line = matches.and_then(|matches| Line::from_arg_matches(&matches));
        let line = line.map_err(|error| error.to_string())?;
        let plan = line
            .cache
            .plan(&line.given, Songs::Shared, "http://127.0.0.1:4533");
        plan.map_err(|fault| fault.to_string())
    }

    async fn nodes(line: &str) -> Vec<String> {
        let planned = planned(line).unwrap().expect("a cache");
        let counts = planned.answers.counts().await;
        counts.into_iter().map(|node| node.node).collect()
    }

    #[tokio::test]
    async fn nodes_are_named_and_laid_out_as_the_flags_say() {
        assert!(planned("").unwrap().is_none());
        assert!(planned("--cache off").unwrap().is_none());
        assert_eq!(nodes("--cache embedded").await, ["embedded@127.0.0.1:4533"]);
        for layout in [
            "",
            " --cache-layout partitioned",
            " --cache-layout replicated",
        ] {
            let line = format!("--cache embedded --cache-nodes 3{layout}");
            assert_eq!(nodes(&line).await.len(), 3, "{line}");
        }
        let planned = planned("--cache embedded --cache-ttl 7s").unwrap();
        assert_eq!(planned.unwrap().config.lists, Duration::from_secs(7));
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn servers_that_are_away_are_nodes_all_the_same() {
        // Port 1 is reserved and not served on machines that build software.
        assert_eq!(
            nodes("--cache redis://:secret@127.0.0.1:1").await,
            ["redis://127.0.0.1:1"]
        );
        let two = "--cache redis://127.0.0.1:1 --cache redis://127.0.0.1:1/2";
        assert_eq!(nodes(two).await.len(), 2);
        let replicated = format!("{two} --cache-layout replicated");
        assert_eq!(nodes(&replicated).await.len(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_to_do() {
        for (line, told) in [
            ("--cache disk", "embedded"),
            ("--cache off --cache embedded", "no other"),
            ("--cache embedded --cache embedded", "--cache-nodes"),
            ("--cache-policy allkeys-lru", "--cache"),
            ("--cache off --cache-ttl 5", "--cache"),
            ("--cache embedded --cache-policy lru", "allkeys-lru"),
            (
                "--cache embedded --cache-layout replicated",
                "--cache-nodes N",
            ),
            (
                "--cache embedded --cache-nodes 2 --cache-layout central",
                "partitioned",
            ),
            ("--cache embedded --cache-ttl 0", "above 0"),
            ("--cache embedded --cache-ttl 5days", "5min"),
            ("--cache embedded --cache-bytes some", "2GiB"),
            ("--cache embedded --cache-entries 0", "0"),
            #[cfg(feature = "redis")]
            ("--cache redis://", "redis://HOST:PORT"),
            #[cfg(feature = "redis")]
            ("--cache redis+sentinel://a:1", "NAME"),
            #[cfg(feature = "redis")]
            (
                "--cache redis://a --cache-policy allkeys-lru",
                "maxmemory-policy",
            ),
            #[cfg(feature = "redis")]
            ("--cache redis://a --cache-bytes 1MB", "maxmemory"),
            #[cfg(feature = "redis")]
            ("--cache redis://a --cache-nodes 2", "--cache of its own"),
            #[cfg(feature = "redis")]
            ("--cache redis://a --cache redis://a", "twice"),
            #[cfg(feature = "redis")]
            (
                "--cache redis+cluster://a:1,b:1 --cache redis://a",
                "Cluster",
            ),
            #[cfg(not(feature = "redis"))]
            ("--cache redis://a", "feature"),
        ] {
            let refused = planned(line).map(|_| ()).unwrap_err();
            assert!(refused.contains(told), "{line}: {refused}");
        }
    }

    #[test]
    fn a_time_is_seconds_or_has_a_unit() {
        for (text, ms) in [
            ("5", 5000),
            ("500ms", 500),
            ("2 min", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "s", "0ms", "-1", "1.5s", "99999999999999999h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
