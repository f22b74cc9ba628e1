//! Many inputs for one target.

use std::{
    collections::HashSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{memory::memory_taken, mutator::Mutator, panics, target::Target};

/// How long an input may take, also in a debug build on a machine with other work. Honest ones take a thousandth.
const LONGEST: Duration = Duration::from_secs(20);
/// How many inputs are kept to be mutated further.
const KEPT_MAX: usize = 5000;

/// When a run ends: with the first of both.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// After so many inputs.
    pub inputs: u64,
    /// After so long.
    pub time: Duration,
    /// What the inputs follow from.
    pub seed: u64,
}

/// A run in which no promise was broken.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many inputs there were.
    pub inputs: u64,
    /// How many different things the target told.
    pub told: usize,
    /// How long the slowest input took.
    pub longest: Duration,
    /// The slowest input.
    pub slowest: Vec<u8>,
    /// The most memory that an input took, in bytes.
    pub memory_max: usize,
}

/// An input that breaks a promise.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong.
    pub what: String,
    /// The input.
    pub input: Vec<u8>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nwith these bytes: {}",
            self.what,
            self.input.escape_ascii()
        )
    }
}

/// One run at a time: panics and memory are those of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Feeds a target with its seeds, then with mutations.
///
/// # Errors
///
/// The first input that breaks a promise.
pub fn run(target: &Target, bounds: Bounds) -> Result<Report, Failure> {
    let target = *target;
    watched(move |now| feed(&target, bounds, now))
}

/// Feeds a target with one input, and gives what the target tells.
///
/// # Errors
///
/// If it breaks a promise.
pub fn replay(target: &Target, input: &[u8]) -> Result<String, Failure> {
    let target = *target;
    let input = input.to_vec();
    watched(move |now| {
        let mut hears = (target.open)();
        let heard = hear(&target, &mut hears, &input, now);
        heard.map(|heard| heard.told)
    })
}

/// The input that is heard now, and since when.
type Now = Mutex<Option<(Instant, Vec<u8>)>>;

/// Does the work on a thread of its own, which is left behind if an input takes too long.
fn watched<T: Send + 'static>(
    work: impl FnOnce(&Now) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let _alone = ALONE.lock();
    panics::listen();
    let now = Arc::new(Now::default());
    let (done, is_done) = sync_channel(1);
    let heard_now = Arc::clone(&now);
    thread::spawn(move || done.send(work(&heard_now)));
    loop {
        match is_done.recv_timeout(LONGEST / 10) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let what = panics::heard().unwrap_or_else(|| "the target cannot be opened".into());
                return Err(Failure {
                    what,
                    input: Vec::new(),
                });
            }
        }
        let since = now.lock();
        if let Some((begun, input)) = &*since
            && begun.elapsed() > LONGEST
        {
            return Err(Failure {
                what: format!("it takes longer than {LONGEST:?}"),
                input: input.clone(),
            });
        }
    }
}

fn feed(target: &Target, bounds: Bounds, now: &Now) -> Result<Report, Failure> {
    let begun = Instant::now();
    let mut hears = (target.open)();
    let mut mutator = Mutator::new(bounds.seed, target.words, target.bytes_max);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut told = HashSet::new();
    let mut report = Report::default();
    let mut seeds = (target.seeds)().into_iter();
    while report.inputs < bounds.inputs && begun.elapsed() < bounds.time {
        let seed = seeds.next();
        let is_seed = seed.is_some();
        let input = seed.unwrap_or_else(|| mutator.next(&kept));
        let heard = hear(target, &mut hears, &input, now)?;
        report.inputs += 1;
        if heard.lasted > report.longest {
            (report.longest, report.slowest) = (heard.lasted, input.clone());
        }
        report.memory_max = report.memory_max.max(heard.memory);
        let is_new = told.len() < KEPT_MAX && told.insert(heard.told);
        if is_seed || is_new {
            kept.push(input);
        }
    }
    report.told = told.len();
    Ok(report)
}

struct Heard {
    told: String,
    lasted: Duration,
    memory: usize,
}

fn hear(
    target: &Target,
    hears: &mut crate::Hears,
    input: &[u8],
    now: &Now,
) -> Result<Heard, Failure> {
    let begun = Instant::now();
    *now.lock() = Some((begun, input.to_vec()));
    let (told, memory) = memory_taken(|| catch_unwind(AssertUnwindSafe(|| hears(input))));
    *now.lock() = None;
    let failed = |what| Failure {
        what,
        input: input.to_vec(),
    };
    if let Some(panic) = panics::heard() {
        return Err(failed(panic));
    }
    let told = told.map_err(|_| failed("a dependency panicked, and nothing caught it".into()))?;
    if memory > target.memory_max {
        let most = target.memory_max;
        return Err(failed(format!(
            "it takes {memory} bytes of memory, of {most} at most"
        )));
    }
    Ok(Heard {
        told,
        lasted: begun.elapsed(),
        memory,
    })
}
