//! The flags of `kadenza evaluate`.

use std::path::PathBuf;

use clap::Args;
use kadenza_services::cache::Policy;

use crate::{
    loads::{LoadKind, REQUESTS_MAX},
    plan::{Moment, Size, SizeIs},
    questions::Ask,
    record::{Configuration, NodeKind},
    rig::LibraryKind,
    table::Columns,
};

/// The most cache nodes: each may be a process.
const NODES_MAX: u32 = 16;

/// Compare caches by measuring them on your own load.
///
/// Fills a library with songs, sends loads of requests through a real stack (HTTP, cache, gRPC,
/// library) for each configuration, policy and size of the cache, and writes every measurement as CSV,
/// and a report with plots. It starts the servers that it needs, PostgreSQL and Redis where they are
/// installed, on free ports and in temporary directories, and removes them at the end. Without flags
/// it takes some three minutes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Evaluate {
    /// A table of songs, or of other things with names: CSV or tab-separated, with a header [default:
    /// made-up songs]
    #[arg(long, value_name = "FILE", help_heading = "The library")]
    pub(super) table: Option<PathBuf>,

    /// The columns of the title, the artist and the album, as in title=name,artist=who [default: the
    /// columns of these names]. Only the title is needed
    #[arg(
        long,
        value_name = "PART=COLUMN,…",
        requires = "table",
        help_heading = "The library"
    )]
    pub(super) columns: Option<Columns>,

    /// How many songs to take: the first rows with a title [default: all, or 2000 made-up songs]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "The library")]
    pub(super) rows: Option<usize>,

    /// Where the library is kept [default: postgres if it is installed, else embedded]
    #[arg(long, value_name = "KIND", value_enum, help_heading = "The library")]
    pub(super) library: Option<LibraryKind>,

    /// The loads to send: uniform (all songs alike); zipf:0.8 (popularity by rank to the power of
    /// -0.8); bursts (zipf, and now and then 32 clients at once that ask the same few questions);
    /// weights:FILE (a table with title, artist, and weight or plays); replay:FILE (searches, one a
    /// line, in their order)
    #[arg(
        long,
        value_name = "LOAD,…",
        value_delimiter = ',',
        default_value = "zipf:0.8,uniform",
        help_heading = "The load"
    )]
    pub(super) loads: Vec<LoadKind>,

    /// How many requests each load has, at most 100000 [default: 3000, or as many as a file has]
    #[arg(long, value_name = "N", value_parser = requests, help_heading = "The load")]
    pub(super) requests: Option<usize>,

    /// How many clients ask at the same time. With one client the requests keep the order of the load,
    /// and no cache can have more hits than the optimum
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "The load")]
    pub(super) clients: u32,

    /// What each request asks for
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Ask::Search, help_heading = "The load")]
    pub(super) ask: Ask,

    /// The seed of all random choices: the same seed gives the same loads
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        help_heading = "The load"
    )]
    pub(super) seed: u64,

    /// The configurations of the cache to compare
    #[arg(
        long,
        value_name = "NAME,…",
        value_enum,
        value_delimiter = ',',
        default_value = "off,central,partitioned,replicated",
        help_heading = "The cache"
    )]
    pub(super) configurations: Vec<Configuration>,

    /// The eviction policies to compare, by their names in Redis; s3-fifo runs on embedded nodes only.
    /// Configurations are compared under the first of these policies, policies on a central cache
    /// [default: allkeys-lru,allkeys-lfu,allkeys-random,volatile-ttl,noeviction,s3-fifo on Redis,
    /// s3-fifo first otherwise]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = policy, help_heading = "The cache")]
    pub(super) policies: Option<Vec<Policy>>,

    /// The sizes to compare: shares of the different questions of a load, or numbers of answers
    #[arg(
        long,
        value_name = "SIZE,…",
        value_delimiter = ',',
        default_value = "5%,20%",
        help_heading = "The cache"
    )]
    pub(super) sizes: Vec<Size>,

    /// Whether a size is for the whole cache or for each node
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SizeIs::Total, help_heading = "The cache")]
    pub(super) size_is: SizeIs,

    /// Where the cache nodes are [default: redis if it is installed, else embedded]
    #[arg(long, value_name = "KIND", value_enum, help_heading = "The cache")]
    pub(super) stores: Option<NodeKind>,

    /// How many nodes a partitioned or replicated cache has
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=NODES_MAX as i64), help_heading = "The cache")]
    pub(super) nodes: u32,

    /// How long searches are remembered, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "The cache")]
    pub(super) ttl: u64,

    /// In an additional run of each configuration, kill a cache node before this request: a number, a
    /// share as in 50%, or never. In a replicated cache it is the primary
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "50%",
        help_heading = "Failover"
    )]
    pub(super) kill_at: Moment,

    /// Start the killed node again, empty, before this request
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "75%",
        help_heading = "Failover"
    )]
    pub(super) revive_at: Moment,

    /// The directory for measurements.csv (a line for each request) and report.html
    #[arg(
        long,
        value_name = "DIR",
        default_value = "evaluation",
        help_heading = "The results"
    )]
    pub(super) out: PathBuf,

    /// Replace the results in that directory
    #[arg(long, help_heading = "The results")]
    pub(super) overwrite: bool,
}

const EXAMPLES: &str = "\
Examples:
  kadenza evaluate
  kadenza evaluate --table songs.tsv --loads weights:plays.tsv --sizes 1%,10%
  kadenza evaluate --table cumulative.csv --size-is node \\
    --columns title=kepoi_name,artist=kepler_name,album=koi_disposition
  kadenza evaluate --loads replay:searches.txt --configurations central \\
    --kill-at never

The columns of measurements.csv:
  run, configuration, node_kind, nodes, policy, size, entries, load, kill_at,
  revive_at          the number of the run, and the settings of the run
  request, question  the number of the request in the load, from 0 on, and the
                     number of its question
  sent_us, took_us   when it was sent since the run began, and how long it
                     took until all of the answer was there, in microseconds
  below_us           how much of that time was spent below the cache
  outcome, node      hit, miss, collapsed (the same question was under way),
                     bypass (no cache could be asked) or failed (no answer or a
                     wrong one); and the cache node
  optimum            1 if a cache that knows the future would have had the
                     answer, else 0
  questions, run_us  how many different questions the load asks, and how long
                     the run took";

fn policy(text: &str) -> Result<Policy, String> {
    text.parse()
        .map_err(|error: kadenza_contract::Error| error.to_string())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("expected a number from 1 on".to_owned()),
    }
}

fn requests(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(requests @ 1..=REQUESTS_MAX) => Ok(requests),
        _ => Err(format!("expected a number from 1 to {REQUESTS_MAX}")),
    }
}
