//! `simulate`: runs the worlds of many seeds, and ends at the first one in which something goes wrong.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use kadenza_simulation::{Options, Report, Scenario, run};
use tracing_subscriber::EnvFilter;

/// How often it is told how far the seeds are.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// How many of the last lines of a log are shown when something went wrong.
const LINES_SHOWN: usize = 60;

/// How many seeds of each scenario are played unless it is said.
const SEEDS_PLAYED: u64 = 2;

/// Which scenarios are played.
#[derive(Debug, Clone, Copy)]
enum Played {
    All,
    None,
    One(Scenario),
}

impl Played {
    fn named(name: &str) -> Result<Played, String> {
        match name {
            "all" => Ok(Played::All),
            "none" => Ok(Played::None),
            name => Scenario::named(name).map(Played::One).ok_or_else(|| {
                let names = Scenario::all().iter().map(Scenario::name);
                let names: Vec<&str> = names.collect();
                format!("there are: all, none, {}", names.join(", "))
            }),
        }
    }

    fn one(self) -> Option<Scenario> {
        match self {
            Played::One(scenario) => Some(scenario),
            Played::All | Played::None => None,
        }
    }

    fn all(self) -> Vec<Scenario> {
        match self {
            Played::All => Scenario::all().to_vec(),
            Played::None => Vec::new(),
            Played::One(scenario) => vec![scenario],
        }
    }
}

/// Whole nodes on a simulated network, simulated disks and simulated time: the same seed gives the same run.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// Play these scenarios alone: one by its name, `all`, or `none`; else all are played before other worlds are run
    #[arg(long, value_name = "NAME", value_parser = Played::named)]
    scenario: Option<Played>,
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
    let played = arguments.scenario;
    if let Some(seed) = arguments.seed {
        let scenario = played.and_then(Played::one);
        let report = run(seed, options(&arguments, scenario));
        println!("{}", counted(&report.counts));
        println!("seed {seed}: the hash of its log is {}", report.digest);
        return Ok(told(&report, scenario, &arguments));
    }
    let mut all = Worlds::default();
    let staged = match (played, arguments.seeds) {
        (None, _) | (Some(_), None) => SEEDS_PLAYED,
        (Some(_), Some(seeds)) => seeds,
    };
    for scenario in played.map_or(Scenario::all().to_vec(), Played::all) {
        for seed in arguments.from..arguments.from + staged {
            let report = all.run(seed, options(&arguments, Some(scenario)));
            if report.wrong.is_some() {
                return Ok(told(&report, Some(scenario), &arguments));
            }
        }
    }
    if played.is_none_or(|played| played.all().is_empty())
        && let Some(report) = drawn(&mut all, &arguments)?
    {
        return Ok(told(&report, None, &arguments));
    }
    println!("{}", counted(&all.counts));
    println!("{}", all.pace());
    Ok(ExitCode::SUCCESS)
}

fn options(arguments: &Arguments, scenario: Option<Scenario>) -> Options {
    Options {
        nodes: arguments.nodes,
        scenario,
        is_printed: arguments.log,
    }
}

/// Runs worlds whose story is drawn. The one that went wrong; none if none did.
#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn drawn(all: &mut Worlds, arguments: &Arguments) -> io::Result<Option<Report>> {
    let mut seed = match &arguments.state {
        Some(file) => remembered(file)?.map_or(arguments.from, |last| last + 1),
        None => arguments.from,
    };
    let seconds = match (arguments.seconds, arguments.seeds) {
        (None, None) => Some(60),
        (seconds, _) => seconds,
    };
    let (first, began) = (seed, Instant::now());
    let is_over = |seed: u64| {
        arguments.seeds.is_some_and(|seeds| seed - first >= seeds)
            || seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds)
    };
    let mut told_at = Instant::now();
    while !is_over(seed) {
        let report = all.run(seed, options(arguments, None));
        if report.wrong.is_some() {
            return Ok(Some(report));
        }
        if let Some(file) = &arguments.state {
            fs::write(file, format!("{seed}\n"))?;
        }
        seed += 1;
        if told_at.elapsed() >= TOLD_EVERY {
            told_at = Instant::now();
            println!("{}", all.pace());
        }
    }
    println!("all is well up to seed {}", seed.saturating_sub(1));
    Ok(None)
}

/// All worlds that were run.
struct Worlds {
    began: Instant,
    done: u64,
    virtual_seconds: u64,
    counts: BTreeMap<String, u64>,
}

impl Default for Worlds {
    fn default() -> Worlds {
        Worlds {
            began: Instant::now(),
            done: 0,
            virtual_seconds: 0,
            counts: BTreeMap::new(),
        }
    }
}

impl Worlds {
    fn run(&mut self, seed: u64, options: Options) -> Report {
        let report = run(seed, options);
        self.done += 1;
        self.virtual_seconds += report.seconds;
        for (what, times) in &report.counts {
            *self.counts.entry(what.clone()).or_default() += times;
        }
        report
    }

    fn pace(&self) -> String {
        let minutes = self.began.elapsed().as_secs_f64() / 60.0;
        let hours = self.virtual_seconds as f64 / 3600.0;
        let (done, a_minute) = (self.done, self.done as f64 / minutes);
        format!("{done} worlds, {a_minute:.0} a minute; {hours:.1} hours of simulated time")
    }
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

fn counted(counts: &BTreeMap<String, u64>) -> String {
    let lines = counts.iter();
    let lines: Vec<String> = lines
        .map(|(what, times)| format!("{times:>9} {what}"))
        .collect();
    lines.join("\n")
}

/// Tells what went wrong, and how to see it again.
#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn told(report: &Report, scenario: Option<Scenario>, arguments: &Arguments) -> ExitCode {
    let Some(wrong) = &report.wrong else {
        return ExitCode::SUCCESS;
    };
    let from = report.tail.len().saturating_sub(LINES_SHOWN);
    println!("{}", report.tail[from..].join("\n"));
    let played = scenario.map(|of| of.name());
    let of_scenario = played.map(|name| format!("scenario {name}, "));
    println!(
        "{}seed {}: {wrong}",
        of_scenario.unwrap_or_default(),
        report.seed
    );
    let scenario = played.map(|name| format!(" --scenario {name}"));
    let scenario = scenario.unwrap_or_default();
    let nodes = arguments.nodes.map(|nodes| format!(" --nodes {nodes}"));
    let nodes = nodes.unwrap_or_default();
    let seed = report.seed;
    println!("see it again: make simulate ARGS=\"--seed {seed}{scenario}{nodes} --log\"");
    ExitCode::FAILURE
}
