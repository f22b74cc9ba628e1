//! The flags of the cache, for every command that serves HTTP.
//!
//! Answers (songs and lists) are remembered on the nodes that `--cache` names. Covers have memory of
//! this process, and so a budget of their own, whatever the nodes are: a few large pictures must not
//! drive thousands of small answers out.

use std::{str::FromStr, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use kadenza_services::cache::{CachedConfig, Capacity, Embedded, Policy};
use kadenza_stack::{Cache, CacheNode, Layout, LayoutError, SecretUrl};
use kadenza_tls::Roots;

use super::{
    given::Given,
    values::{in_file, size, time},
};
use crate::fault::Fault;

/// The usual bounds of an embedded node: some thousands of pages of songs.
const BYTES: u64 = 64 << 20;
const ENTRIES: u32 = 100_000;
const COVER_BYTES: u64 = 32 << 20;
/// How many covers are remembered at most, however small they are.
const COVERS: usize = 100_000;
/// How long lists are remembered where only this process adds songs to the library.
const TTL_ALONE: Duration = Duration::from_secs(60);
/// The same where other servers can add songs: a list may lack such a song for so long.
const TTL_SHARED: Duration = Duration::from_secs(5);

/// The flags of the cache.
#[derive(Debug, Args)]
#[command(next_help_heading = "The cache")]
pub(in crate::server) struct CacheFlags {
    /// Where answers are remembered: `off` (nowhere), `embedded` (memory of this process), or on Redis
    /// servers: rediss://HOST:PORT, rediss+cluster://HOST:PORT,HOST:PORT or
    /// rediss+sentinel://HOST:PORT,HOST:PORT/NAME; without encryption redis://… and so on, and at a socket
    /// redis+unix:///PATH. USER:PASSWORD@ may stand before the hosts. Repeatable for several Redis servers [in
    /// the variable: separated by blanks]. A Redis database, as in rediss://HOST:PORT/3, belongs to one library;
    /// several servers of that library may share it
    #[arg(
        long,
        value_name = "CACHE",
        default_value = "off",
        value_delimiter = ' '
    )]
    cache: Vec<CacheUrl>,

    /// A file that holds what --cache would name, so that a password is not in the list of processes; several are
    /// separated by blanks or lines
    #[arg(long, value_name = "FILE", conflicts_with = "cache")]
    #[arg(value_parser = |file: &str| in_file(file, str::parse::<CacheUrls>))]
    cache_file: Option<CacheUrls>,

    /// Speak with Redis servers on other machines without encryption: for a network in which everybody may hear and
    /// change everything
    #[arg(long)]
    insecure_redis: bool,

    /// How several cache nodes divide the answers [default: central for one node, partitioned for
    /// several]
    #[arg(long, value_name = "LAYOUT")]
    cache_layout: Option<LayoutFlag>,

    /// How many nodes an embedded cache has [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    cache_nodes: Option<u8>,

    /// Which answers an embedded cache removes when it is full: s3-fifo, or one of the policies of
    /// Redis: noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu,
    /// volatile-random, volatile-ttl. A Redis server has its policy in its own configuration, as
    /// maxmemory-policy [default: s3-fifo]
    #[arg(long, value_name = "POLICY")]
    cache_policy: Option<Policy>,

    /// How much memory the answers on each node of an embedded cache may take. A Redis server has this
    /// bound in its own configuration, as maxmemory [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_bytes: Option<u64>,

    /// How many answers each node of an embedded cache keeps at most [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cache_entries: Option<u32>,

    /// How much memory covers may take. They are remembered in this process, even where answers are on
    /// Redis [default: 32MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_cover_bytes: Option<u64>,

    /// How long lists of songs are remembered, as in 500ms, 30s or 5min. For so long a list may lack a
    /// song that was uploaded through another server. An upload through this cache ends the lists at
    /// once, one through another cache on the same Redis within a second. Songs by themselves are
    /// remembered for 10 minutes: for so long one may lack a recording that was added through another
    /// server [default: 60s for --standalone with the library in --data; 5s where other servers can add songs]
    #[arg(long, value_name = "TIME", value_parser = time)]
    cache_ttl: Option<Duration>,
}

/// A value of `--cache`: the place of a cache node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CacheUrl {
    /// There is none.
    Off,
    /// In memory of this process.
    Embedded,
    /// On Redis.
    Redis(SecretUrl),
}

/// The places of several cache nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CacheUrls(Vec<CacheUrl>);

impl FromStr for CacheUrls {
    type Err = String;

    fn from_str(text: &str) -> Result<CacheUrls, String> {
        match text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()
        {
            Ok(urls) if urls.is_empty() => Err("it is empty".to_owned()),
            urls => urls.map(CacheUrls),
        }
    }
}

impl FromStr for CacheUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<CacheUrl, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match (text, scheme) {
            ("off", _) => Ok(CacheUrl::Off),
            ("embedded", _) => Ok(CacheUrl::Embedded),
            (_, Some(scheme)) if scheme.starts_with("redis") || scheme == "unix" => {
                // Nothing is connected to here: this only says whether it is a URL.
                CacheNode::redis(text, &Roots::default()).map_err(|error| error.to_string())?;
                Ok(CacheUrl::Redis(text.to_owned().into()))
            }
            _ => Err("expected `off`, `embedded`, rediss://HOST:PORT, rediss+cluster://HOST:PORT,HOST:PORT or rediss+sentinel://HOST:PORT,HOST:PORT/NAME, or one of them with redis in the place of rediss".to_owned()),
        }
    }
}

/// The value of `--cache-layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutFlag {
    /// One node
    Central,
    /// Several nodes, each with its share of the answers
    Partitioned,
    /// Several nodes, each with all answers: a primary and its replicas
    Replicated,
}

impl From<LayoutFlag> for Layout {
    fn from(flag: LayoutFlag) -> Layout {
        match flag {
            LayoutFlag::Central => Layout::Central,
            LayoutFlag::Partitioned => Layout::Partitioned,
            LayoutFlag::Replicated => Layout::Replicated,
        }
    }
}

/// The servers that add songs to the library whose answers are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum LibraryUse {
    /// This process alone.
    ThisProcessAlone,
    /// Other servers too.
    Shared,
}

impl CacheFlags {
    /// The cache that the flags ask for; `None` if none. Nodes in this process are told apart from
    /// those of other servers by `url`, at which this one answers. `roots` may vouch for servers.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the flags contradict each other.
    pub(in crate::server) fn cache(
        &self,
        given: &Given,
        library: LibraryUse,
        url: &str,
        roots: &Roots,
    ) -> Result<Option<Cache>, Fault> {
        let Some(nodes) = self.nodes(given, url, roots)? else {
            return Ok(None);
        };
        let ttl = match library {
            LibraryUse::ThisProcessAlone => TTL_ALONE,
            LibraryUse::Shared => TTL_SHARED,
        };
        let layout = match self.cache_layout {
            Some(flag) => flag.into(),
            None => Layout::usual(nodes.len()),
        };
        let covers = Capacity {
            bytes: in_memory(self.cache_cover_bytes.unwrap_or(COVER_BYTES)),
            entries: COVERS,
        };
        let name = format!("covers@{}", authority(url));
        Ok(Some(Cache {
            answers: layout.of(nodes).map_err(worded)?,
            covers: Arc::new(Embedded::new(&name, covers, Policy::default())),
            config: CachedConfig {
                lists: self.cache_ttl.unwrap_or(ttl),
                ..CachedConfig::default()
            },
        }))
    }

    /// Checks the flags, before the address of the server is known. Warns of what is not encrypted.
    ///
    /// # Errors
    ///
    /// Those of [`CacheFlags::cache`], and [`Fault::Usage`] where encryption is missing.
    pub(in crate::server) fn check(&self, given: &Given) -> Result<(), Fault> {
        let roots = Roots::default();
        let nodes = self.nodes(given, "", &roots)?.unwrap_or_default();
        for node in nodes.iter().filter(|node| node.is_exposed()) {
            let name = node.name();
            if !self.insecure_redis {
                return Err(Fault::Usage(format!(
                    "--cache {name} is another machine, and redis:// is not encrypted: write rediss:// for a server with a tls-port, and add --ca FILE where an authority of your own vouches for it; or add --insecure-redis, if everybody may hear and change everything"
                )));
            }
            tracing::warn!(cache = %name, "--insecure-redis: whoever is on the way can read and change all that is remembered");
        }
        self.cache(given, LibraryUse::Shared, "", &roots)
            .map(|_| ())
    }

    fn nodes(
        &self,
        given: &Given,
        url: &str,
        roots: &Roots,
    ) -> Result<Option<Vec<CacheNode>>, Fault> {
        let of_file = self.cache_file.as_ref().map(|CacheUrls(urls)| &urls[..]);
        match given.of_two("cache", &self.cache[..], of_file) {
            [CacheUrl::Off] => {
                given.none_of(&OF_A_CACHE, "needs a cache: choose one with --cache")?;
                Ok(None)
            }
            [CacheUrl::Embedded] => Ok(Some(self.embedded(url))),
            urls if urls.contains(&CacheUrl::Off) => Err(Fault::Usage(
                "--cache off goes with no other --cache".to_owned(),
            )),
            urls if urls.contains(&CacheUrl::Embedded) => Err(Fault::Usage(
                "--cache embedded goes with no other --cache: several nodes in this process are --cache-nodes N"
                    .to_owned(),
            )),
            urls => on_servers(urls, given, roots).map(Some),
        }
    }

    fn embedded(&self, url: &str) -> Vec<CacheNode> {
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
                CacheNode::embedded(&name, capacity, policy)
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

fn on_servers(urls: &[CacheUrl], given: &Given, roots: &Roots) -> Result<Vec<CacheNode>, Fault> {
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
    let mut nodes = Vec::with_capacity(urls.len());
    for (at, node) in urls.iter().enumerate() {
        let CacheUrl::Redis(url) = node else { continue };
        if urls[..at].contains(node) {
            return Err(Fault::Usage(
                "the same --cache is named twice: each node is a server of its own".to_owned(),
            ));
        }
        nodes.push(CacheNode::redis(url.expose(), roots)?);
    }
    Ok(nodes)
}

/// A layout that the nodes cannot have is told with the flags that help.
fn worded(error: LayoutError) -> Fault {
    let help = match error {
        LayoutError::NoNode => return Fault::Usage("--cache is given without a cache".to_owned()),
        LayoutError::OneNodeOnly { .. } => {
            "leave the others out, or take --cache-layout partitioned or replicated"
        }
        LayoutError::SeveralNodesNeeded { .. } => {
            "name more servers with --cache, or take --cache embedded --cache-nodes N"
        }
        LayoutError::SpreadAlready => "take one such --cache, and no other beside it",
    };
    Fault::Usage(format!("{error}: {help}"))
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
