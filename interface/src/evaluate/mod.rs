//! `kadenza evaluate`: caches compared by measuring them.
//!
//! A table becomes a library ([`table`]), loads are drawn ([`loads`], [`questions`]), the matrix is
//! laid out ([`plan`]), and run by run the real stack is asked ([`rig`]). Each run is handed on as a
//! [`record`]: written down whole ([`measurements`]) and summed up ([`report`]).

mod loads;
mod machine;
mod measurements;
mod plan;
mod progress;
mod questions;
mod record;
mod report;
mod rig;
mod table;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use kadenza_services::{
    cache::Policy,
    servers::{Postgres, Redis, ServerError},
};

use self::{
    loads::{LoadKind, REQUESTS_MAX},
    measurements::Measurements,
    plan::{Moment, Size, SizeIs, Wishes},
    progress::Progress,
    questions::{Ask, Load, Questions},
    record::{Circumstances, Configuration, NodeKind},
    report::Report,
    rig::{Filled, LibraryKind, Rig},
    table::{Columns, Table},
};
use crate::{fault::Fault, limits, output};

/// The page of the results in the directory of an evaluation.
const PAGE: &str = "report.html";
/// How many songs are made up where no table is given.
const SONGS: usize = 10_000;
/// How many requests a load has, unless it is asked for otherwise.
const REQUESTS: usize = 3_000;
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
pub(crate) struct Evaluate {
    /// A table of songs, or of anything with names: CSV, or tab-separated, with a header [default:
    /// songs that are made up]
    #[arg(long, value_name = "FILE", help_heading = "The library")]
    table: Option<PathBuf>,

    /// Which columns are the title, the artist and the album, as in title=name,artist=who [default:
    /// those of that name]. Only the title must be there
    #[arg(
        long,
        value_name = "PART=COLUMN,…",
        requires = "table",
        help_heading = "The library"
    )]
    columns: Option<Columns>,

    /// Take only so many songs: the first rows with a title [default: all, or 10000 made up]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "The library")]
    rows: Option<usize>,

    /// What the library is on [default: postgres if it is installed, else embedded]
    #[arg(long, value_name = "KIND", value_enum, help_heading = "The library")]
    library: Option<LibraryKind>,

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
    loads: Vec<LoadKind>,

    /// How many requests a load has, at most 100000 [default: 3000, or all that a file has]
    #[arg(long, value_name = "N", value_parser = requests, help_heading = "The load")]
    requests: Option<usize>,

    /// How many clients ask at the same time. With one, the questions come in the order of the load,
    /// and no cache can have more hits than the optimum
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "The load")]
    clients: u32,

    /// What is asked: a search for title and artist, or the song by its id
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Ask::Search, help_heading = "The load")]
    ask: Ask,

    /// The seed of everything that is drawn: the same one gives the same loads
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        help_heading = "The load"
    )]
    seed: u64,

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
    configurations: Vec<Configuration>,

    /// Eviction policies, by the names of Redis, and s3-fifo, which runs on embedded nodes only.
    /// Configurations are compared with the first, policies on a central cache [default:
    /// allkeys-lru,allkeys-lfu,allkeys-random,volatile-ttl,noeviction,s3-fifo on Redis, s3-fifo first
    /// otherwise]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = policy, help_heading = "The cache")]
    policies: Option<Vec<Policy>>,

    /// Sizes: shares of the different questions that the load asks, or numbers of answers
    #[arg(
        long,
        value_name = "SIZE,…",
        value_delimiter = ',',
        default_value = "5%,20%",
        help_heading = "The cache"
    )]
    sizes: Vec<Size>,

    /// What a size is meant for
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SizeIs::Total, help_heading = "The cache")]
    size_is: SizeIs,

    /// What the cache nodes are on [default: redis if it is installed, else embedded]
    #[arg(long, value_name = "KIND", value_enum, help_heading = "The cache")]
    stores: Option<NodeKind>,

    /// How many nodes a partitioned or replicated cache has
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=NODES_MAX as i64), help_heading = "The cache")]
    nodes: u32,

    /// How long searches are remembered, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "The cache")]
    ttl: u64,

    /// In a further run of each configuration, kill a node (of a replicated cache the primary) before
    /// this request: a number, a share as in 50%, or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "50%",
        help_heading = "Failover"
    )]
    kill_at: Moment,

    /// Start it again, empty, before this request
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "75%",
        help_heading = "Failover"
    )]
    revive_at: Moment,

    /// The directory for measurements.csv (a line for each request) and report.html
    #[arg(
        long,
        value_name = "DIR",
        default_value = "evaluation",
        help_heading = "The results"
    )]
    out: PathBuf,

    /// Replace the results that are there
    #[arg(long, help_heading = "The results")]
    overwrite: bool,
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

impl Evaluate {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        limits::raise_open_files();
        self.check_out()?;
        let progress = Progress::start();
        let stores = self.stores(&progress)?;
        let library = self.library(&progress)?;
        let table = self.table()?;

        let mut rig = Rig::start(library, Duration::from_secs(self.ttl)).await?;
        let (untitled, same) = (table.untitled, table.same);
        let bar = progress.part("songs uploaded", table.rows.len());
        let filled = rig.fill(table.rows, || bar.inc(1)).await?;
        bar.finish_and_clear();
        let same = same + filled.same;
        tell_of(&filled, untitled, same, &progress)?;

        let questions = Questions::of(&filled.songs, self.ask);
        let loads: Result<Vec<Arc<Load>>, Fault> = self
            .loads
            .iter()
            .map(|kind| Load::new(kind, &questions, self.requests, REQUESTS, self.seed))
            .map(|load| load.map(Arc::new))
            .collect();
        let cells = self.wishes(stores).cells(&loads?);
        let mut circumstances = self.circumstances(&rig, stores);
        let songs = format!("{} songs", filled.songs.len());
        circumstances.insert("library".to_owned(), format!("{}, {songs}", rig.told()));
        let left_out = untitled + same + filled.refused;
        if left_out > 0 {
            let told = format!(
                "{left_out} rows: {untitled} without a title, {same} of the same songs, {} refused",
                filled.refused
            );
            circumstances.insert("left out".to_owned(), told);
        }

        let mut measurements = Measurements::create(&self.out)?;
        let mut report = Report::new(circumstances);
        for (done, cell) in cells.iter().enumerate() {
            progress.runs(done, cells.len());
            let what = progress::told(&cell.setup);
            let bar = progress.part(&what, cell.load.order.len());
            let run = rig.run(cell, self.clients as usize, &bar).await?;
            bar.finish_and_clear();
            progress.note(&format!("{what}: {}", progress::outcome(&run)));
            measurements.add(&run)?;
            report.add(&run);
        }
        drop(progress);
        let page = self.out.join(PAGE);
        report
            .write(&page)
            .map_err(|cause| Fault::file("write", &page, cause))?;
        let csv = measurements.end()?;
        output::print(report.conclusion().trim_end())?;
        output::print(&format!("{}\n{}", page.display(), csv.display()))
    }

    /// Makes the directory of the results; refuses to take the place of others.
    fn check_out(&self) -> Result<(), Fault> {
        let results = [measurements::FILE, PAGE].map(|file| self.out.join(file));
        if let Some(there) = results.iter().find(|file| file.exists())
            && !self.overwrite
        {
            return Err(Fault::Usage(format!(
                "{} is there already: choose another directory with --out, or add --overwrite",
                there.display()
            )));
        }
        std::fs::create_dir_all(&self.out).map_err(|cause| Fault::file("make", &self.out, cause))
    }

    fn table(&self) -> Result<Table, Fault> {
        match &self.table {
            Some(path) => {
                let columns = self.columns.clone().unwrap_or_default();
                Table::read(path, &columns, self.rows)
            }
            None => Ok(Table::made_up(self.rows.unwrap_or(SONGS), self.seed)),
        }
    }

    /// Redis where it is installed, unless something else was asked for.
    fn stores(&self, progress: &Progress) -> Result<NodeKind, Fault> {
        let choice = self.stores.map(|kind| kind == NodeKind::Redis);
        let is_redis = choose(
            choice,
            Redis::installed(),
            "cache nodes are embedded",
            progress,
        )?;
        Ok(match is_redis {
            true => NodeKind::Redis,
            false => NodeKind::Embedded,
        })
    }

    /// PostgreSQL where it is installed, unless something else was asked for.
    fn library(&self, progress: &Progress) -> Result<LibraryKind, Fault> {
        let choice = self.library.map(|kind| kind == LibraryKind::Postgres);
        let installed = Postgres::installed();
        let is_postgres = choose(choice, installed, "the library is embedded", progress)?;
        Ok(match is_postgres {
            true => LibraryKind::Postgres,
            false => LibraryKind::Embedded,
        })
    }

    fn wishes(&self, kind: NodeKind) -> Wishes {
        use Policy::{AllkeysLfu, AllkeysLru, AllkeysRandom, NoEviction, S3Fifo, VolatileTtl};
        let policies = self.policies.clone().unwrap_or_else(|| match kind {
            NodeKind::Redis => vec![
                AllkeysLru,
                AllkeysLfu,
                AllkeysRandom,
                VolatileTtl,
                NoEviction,
                S3Fifo,
            ],
            NodeKind::Embedded => vec![
                S3Fifo,
                AllkeysLru,
                AllkeysLfu,
                AllkeysRandom,
                VolatileTtl,
                NoEviction,
            ],
        });
        Wishes {
            configurations: self.configurations.clone(),
            policies,
            sizes: self.sizes.clone(),
            size_is: self.size_is,
            kind,
            nodes: self.nodes as usize,
            kill_at: self.kill_at,
            revive_at: self.revive_at,
        }
    }

    fn circumstances(&self, rig: &Rig, stores: NodeKind) -> Circumstances {
        let mut told = Circumstances::new();
        let mut tell = |what: &str, value: String| {
            told.insert(what.to_owned(), value);
        };
        tell("processor", machine::processor());
        if let Some(memory) = machine::memory() {
            tell("memory", memory);
        }
        let build = if cfg!(debug_assertions) {
            " (a debug build: times mean little)"
        } else {
            ""
        };
        tell("kadenza", format!("{}{build}", env!("CARGO_PKG_VERSION")));
        tell("library", rig.told().to_owned());
        tell(
            "cache nodes",
            match stores {
                NodeKind::Embedded => "embedded".to_owned(),
                NodeKind::Redis => Redis::installed().unwrap_or_else(|error| error.to_string()),
            },
        );
        tell(
            "table",
            match &self.table {
                Some(path) => name_of(path),
                None => "made up".to_owned(),
            },
        );
        let clients = self.clients;
        tell(
            "clients",
            format!("{clients}, each waits for its answer before it asks again"),
        );
        tell("searches are remembered for", format!("{} s", self.ttl));
        tell("seed", self.seed.to_string());
        tell(
            "size is for",
            match self.size_is {
                SizeIs::Total => "all nodes of a cache together".to_owned(),
                SizeIs::Node => "each node".to_owned(),
            },
        );
        let words = std::env::args().skip(1);
        let words: Vec<String> = words.map(|word| output::plain(&word)).collect();
        tell("command", format!("kadenza {}", words.join(" ")));
        told
    }
}

/// Whether the server of another is to be used: if it was asked for it must be there.
fn choose(
    asked_for: Option<bool>,
    installed: Result<String, ServerError>,
    instead: &str,
    progress: &Progress,
) -> Result<bool, Fault> {
    match (asked_for, installed) {
        (Some(false), _) => Ok(false),
        (Some(true) | None, Ok(_)) => Ok(true),
        (Some(true), Err(error)) => Err(error.into()),
        (None, Err(error)) => {
            progress.note(&format!("{error}: {instead}"));
            Ok(false)
        }
    }
}

/// Says which rows are no songs of the library.
fn tell_of(
    filled: &Filled,
    untitled: usize,
    same: usize,
    progress: &Progress,
) -> Result<(), Fault> {
    let refusal = filled.refusal.as_deref().unwrap_or_default();
    if filled.songs.is_empty() {
        let told = format!("the library took none of the rows: {refusal}");
        return Err(Fault::Failed(told));
    }
    let songs = filled.songs.len();
    let mut told = format!("{songs} songs are in the library");
    for (count, why) in [(untitled, "have no title"), (same, "are the same songs")] {
        if count > 0 {
            told.push_str(&format!("; {count} rows {why}"));
        }
    }
    if filled.refused > 0 {
        told.push_str(&format!("; {} were refused ({refusal})", filled.refused));
    }
    progress.note(&told);
    Ok(())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    output::plain(&name.to_string_lossy())
}

fn policy(text: &str) -> Result<Policy, String> {
    text.parse()
        .map_err(|error: kadenza_services::Error| error.to_string())
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
