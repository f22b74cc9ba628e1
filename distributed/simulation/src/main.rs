//! `simulate`: runs the worlds of many seeds, and ends at the first one in which something goes wrong.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use kadenza_simulation::{Options, Report, run};
use tracing_subscriber::EnvFilter;

/// How often it is told how far the seeds are.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// How many of the last lines of a log are shown when something went wrong.
const LINES_SHOWN: usize = 60;

/// Whole nodes on a simulated network, simulated disks and simulated time: the same seed gives the same run.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// Run the world of this seed alone
    #[arg(long, conflicts_with_all = ["seeds", "from", "seconds", "state"])]
    seed: Option<u64>,
    /// Run so many seeds
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Begin with this seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// Go on for so many seconds; 60 if neither this nor --seeds is given
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// Begin each world with so many nodes
    #[arg(long, value_name = "N")]
    nodes: Option<usize>,
    /// Print what happens; RUST_LOG says how much of what the nodes tell is printed too
    #[arg(long)]
    log: bool,
    /// Go on behind the seed up to which all was well, as this file remembers it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.log {
        let filter = EnvFilter::from_default_env();
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .without_time()
            .with_ansi(false);
        lines.with_writer(io::stderr).init();
    }
    let options = Options {
        nodes: arguments.nodes,
        is_printed: arguments.log,
    };
    if let Some(seed) = arguments.seed {
        let report = run(seed, options);
        println!("{}", counted(&report.counts));
        println!("seed {seed}: the hash of its log is {}", report.digest);
        return Ok(told(&report, &arguments));
    }
    let mut seed = match &arguments.state {
        Some(file) => remembered(file)?.map_or(arguments.from, |last| last + 1),
        None => arguments.from,
    };
    let seconds = match (arguments.seconds, arguments.seeds) {
        (None, None) => Some(60),
        (seconds, _) => seconds,
    };
    let began = Instant::now();
    let is_over = |done: u64| {
        arguments.seeds.is_some_and(|seeds| done >= seeds)
            || seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds)
    };
    let (mut done, mut virtual_seconds, mut told_at) = (0, 0, Instant::now());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    while !is_over(done) {
        let report = run(seed, options);
        done += 1;
        virtual_seconds += report.seconds;
        for (what, times) in &report.counts {
            *counts.entry(what.clone()).or_default() += times;
        }
        if report.wrong.is_some() {
            println!("{done} seeds, the last one wrong");
            return Ok(told(&report, &arguments));
        }
        if let Some(file) = &arguments.state {
            fs::write(file, format!("{seed}\n"))?;
        }
        seed += 1;
        if told_at.elapsed() >= TOLD_EVERY {
            told_at = Instant::now();
            println!("{}", pace(done, virtual_seconds, began));
        }
    }
    println!("{}", counted(&counts));
    println!("{}", pace(done, virtual_seconds, began));
    println!("all is well up to seed {}", seed.saturating_sub(1));
    Ok(ExitCode::SUCCESS)
}

fn remembered(file: &Path) -> io::Result<Option<u64>> {
    match fs::read_to_string(file) {
        Ok(text) => {
            let seed = text.trim().parse();
            seed.map(Some).map_err(io::Error::other)
        }
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn pace(done: u64, virtual_seconds: u64, began: Instant) -> String {
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let hours = virtual_seconds as f64 / 3600.0;
    let a_minute = done as f64 / minutes;
    format!("{done} seeds, {a_minute:.0} a minute; {hours:.1} hours of simulated time")
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    let lines = counts.iter();
    let lines: Vec<String> = lines
        .map(|(what, times)| format!("{times:>9} {what}"))
        .collect();
    lines.join("\n")
}

/// Tells what went wrong, and how to see it again.
#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn told(report: &Report, arguments: &Arguments) -> ExitCode {
    let Some(wrong) = &report.wrong else {
        return ExitCode::SUCCESS;
    };
    let from = report.tail.len().saturating_sub(LINES_SHOWN);
    println!("{}", report.tail[from..].join("\n"));
    println!("seed {}: {wrong}", report.seed);
    let nodes = arguments.nodes.map(|nodes| format!(" --nodes {nodes}"));
    let nodes = nodes.unwrap_or_default();
    let seed = report.seed;
    println!("see it again: make simulate ARGS=\"--seed {seed}{nodes} --log\"");
    ExitCode::FAILURE
}
