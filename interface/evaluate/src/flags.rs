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
/// Fills a library with songs, sends loads through the real stack (HTTP, cache, gRPC, library) for
/// each configuration, policy and size, and writes every measurement as CSV and a report with plots.
/// It starts what it needs itself, PostgreSQL and Redis where they are installed, on free ports and
/// in temporary directories, and removes it at the end. Without flags it takes some three minutes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Evaluate {
    /// A table of songs, or of anything with names: CSV, or tab-separated, with a header [default:
    /// songs that are made up]
    #[arg(long, value_name = "FILE", help_heading = "The library")]
    pub(super) table: Option<PathBuf>,

    /// Which columns are the title, the artist and the album, as in title=name,artist=who [default:
    /// those of that name]. Only the title must be there
    #[arg(
        long,
        value_name = "PART=COLUMN,…",
        requires = "table",
        help_heading = "The library"
    )]
    pub(super) columns: Option<Columns>,

    /// Take only so many songs: the first rows with a title [default: all, or 2000 made up]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "The library")]
    pub(super) rows: Option<usize>,

    /// What the library is on [default: postgres if it is installed, else embedded]
    #[arg(long, value_name = "KIND", value_enum, help_heading = "The library")]
    pub(super) library: Option<LibraryKind>,

    /// Loads: uniform; zipf:0.8 (popularity by rank to the power of -0.8); bursts (Zipf, and 32
    /// clients at once with the same few questions in between); weights:FILE (a table with title,
    /// artist and weight or plays); replay:FILE (searches, one a line, in their order)
    #[arg(
        long,
        value_name = "LOAD,…",
        value_delimiter = ',',
        default_value = "zipf:0.8,uniform",
        help_heading = "The load"
    )]
    pub(super) loads: Vec<LoadKind>,

    /// How many requests a load has, at most 100000 [default: 3000, or all that a file has]
    #[arg(long, value_name = "N", value_parser = requests, help_heading = "The load")]
    pub(super) requests: Option<usize>,

    /// How many clients ask at the same time. With one, the questions come in the order of the load,
    /// and no cache can have more hits than the optimum
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "The load")]
    pub(super) clients: u32,

    /// What is asked: a search for title and artist, or the song by its id
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Ask::Search, help_heading = "The load")]
    pub(super) ask: Ask,

    /// The seed of everything that is drawn: the same one gives the same loads
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        help_heading = "The load"
    )]
    pub(super) seed: u64,

    /// Configurations to compare: off, central (one node), partitioned (each node has a share of the
    /// keys), replicated (each node has everything)
    #[arg(
        long,
        value_name = "NAME,…",
        value_enum,
        value_delimiter = ',',
        default_value = "off,central,partitioned,replicated",
        help_heading = "The cache"
    )]
    pub(super) configurations: Vec<Configuration>,

    /// Eviction policies, by the names of Redis, and s3-fifo, which runs on embedded nodes only.
    /// Configurations are compared with the first, policies on a central cache [default:
    /// allkeys-lru,allkeys-lfu,allkeys-random,volatile-ttl,noeviction,s3-fifo on Redis, s3-fifo first
    /// otherwise]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = policy, help_heading = "The cache")]
    pub(super) policies: Option<Vec<Policy>>,

    /// Sizes: shares of the different questions that the load asks, or numbers of answers
    #[arg(
        long,
        value_name = "SIZE,…",
        value_delimiter = ',',
        default_value = "5%,20%",
        help_heading = "The cache"
    )]
    pub(super) sizes: Vec<Size>,

    /// What a size is meant for
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SizeIs::Total, help_heading = "The cache")]
    pub(super) size_is: SizeIs,

    /// What the cache nodes are on [default: redis if it is installed, else embedded]
    #[arg(long, value_name = "KIND", value_enum, help_heading = "The cache")]
    pub(super) stores: Option<NodeKind>,

    /// How many nodes a partitioned or replicated cache has
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=NODES_MAX as i64), help_heading = "The cache")]
    pub(super) nodes: u32,

    /// How long searches are remembered, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "The cache")]
    pub(super) ttl: u64,

    /// In a further run of each configuration, kill a node (of a replicated cache the primary) before
    /// this request: a number, a share as in 50%, or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "50%",
        help_heading = "Failover"
    )]
    pub(super) kill_at: Moment,

    /// Start it again, empty, before this request
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

    /// Replace the results that are there
    #[arg(long, help_heading = "The results")]
    pub(super) overwrite: bool,
}

const EXAMPLES: &str = "\
Examples:
  kadenza evaluate
  kadenza evaluate --table songs.tsv --loads weights:plays.tsv --sizes 1%,5%,10%,20%
  kadenza evaluate --table cumulative.csv \\
    --columns title=kepoi_name,artist=kepler_name,album=koi_disposition --size-is node
  kadenza evaluate --loads replay:searches.txt --configurations central --kill-at never

The columns of measurements.csv:
  run, configuration, node_kind, nodes, policy, size, entries, load, kill_at, revive_at
                           which run, and what was chosen for it
  request, question        the place in the load from 0, and the number of the question
  sent_us, took_us         when it was sent since the run began, and how long until all of the
                           answer was there, in microseconds
  below_us                 how much of that was below the cache
  outcome, node            hit, miss, collapsed (the same question was under way), bypass (no cache
                           could be asked) or failed (no answer or a wrong one); the cache node
  optimum                  1 where a cache that knows the future would have had the answer
  questions, run_us        how many different questions the load asks; how long the run took";

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
