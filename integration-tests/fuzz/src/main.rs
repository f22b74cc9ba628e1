//! `fuzz`: mutated inputs for the parsers of Kadenza.

use std::{
    error::Error,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use kadenza_fuzz::{Bounds, Failure, TARGETS, Target, named, replay, run};

/// An input that takes longer is kept, to see why.
const SLOW: Duration = Duration::from_secs(1);

/// Feeds parsers with mutated inputs, until each has had so many or it took so long.
#[derive(Debug, Parser)]
struct Flags {
    /// The targets; all of them by default
    targets: Vec<String>,
    /// How many inputs each target gets
    #[arg(long, default_value_t = 500_000)]
    inputs: u64,
    /// How many seconds each target takes at most
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// What the inputs follow from: the same seed gives the same ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Feeds the target with this file alone, `-` for standard input
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Where an input is kept that breaks a promise, or takes longer than a second
    #[arg(long, value_name = "DIR", default_value = ".")]
    keep: PathBuf,
    /// Writes the inputs into this directory with which the target begins, for other programs
    #[arg(long, value_name = "DIR")]
    seeds: Option<PathBuf>,
    /// Lists the targets
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let flags = Flags::parse();
    let mut out = io::stdout().lock();
    if flags.list {
        for target in &TARGETS {
            writeln!(out, "{:12} {}", target.name, target.about)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let targets: Result<Vec<&Target>, String> = flags
        .targets
        .iter()
        .map(|name| {
            named(name)
                .ok_or_else(|| format!("there is no target `{name}`; --list tells which there are"))
        })
        .collect();
    let mut targets = targets?;
    if targets.is_empty() {
        targets = TARGETS.iter().collect();
    }
    if let Some(file) = &flags.replay {
        let [target] = targets[..] else {
            return Err("name the target that hears the file".into());
        };
        return match replay(target, &read(file)?) {
            Ok(told) => {
                writeln!(out, "{}: {told}", target.name)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(failure) => {
                writeln!(out, "{}: {failure}", target.name)?;
                Ok(ExitCode::FAILURE)
            }
        };
    }
    if let Some(directory) = &flags.seeds {
        for target in targets {
            for (number, seed) in (target.seeds)().into_iter().enumerate() {
                fs::write(directory.join(format!("{}-{number}", target.name)), seed)?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let bounds = Bounds {
        inputs: flags.inputs,
        time: Duration::from_secs(flags.seconds),
        seed: flags.seed,
    };
    let mut is_sound = true;
    for target in targets {
        writeln!(out, "{}", line(target, bounds, &flags.keep, &mut is_sound)?)?;
    }
    Ok(if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What a run brought, in a line.
fn line(target: &Target, bounds: Bounds, keep: &Path, is_sound: &mut bool) -> io::Result<String> {
    let name = target.name;
    match run(target, bounds) {
        Ok(report) => {
            if report.longest > SLOW {
                fs::write(
                    keep.join(format!("{name}-{}.slow", bounds.seed)),
                    &report.slowest,
                )?;
            }
            Ok(format!(
                "{name:12} {:>8} inputs, {:>5} answers, slowest {:>5} ms, most memory {:>6} KiB",
                report.inputs,
                report.told,
                report.longest.as_millis(),
                report.memory_max >> 10,
            ))
        }
        Err(failure) => {
            *is_sound = false;
            let Failure { what, input } = failure;
            let file = keep.join(format!("{name}-{}.input", bounds.seed));
            fs::write(&file, input)?;
            Ok(format!(
                "{name:12} fails: {what}\n{:12} --replay {}",
                "",
                file.display()
            ))
        }
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return fs::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}
