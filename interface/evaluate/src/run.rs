//! The course of an evaluation, from its settings to its results.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::LocalBoxFuture;
use kadenza_servers::{Postgres, Redis, ServerError};
use kadenza_services::cache::Policy;

use crate::{
    error::EvaluateError,
    flags::Evaluate,
    measurements::{self, Measurements},
    plan::Wishes,
    progress::{self, Progress},
    questions::{self, Load, Questions},
    record::NodeKind,
    report::Report,
    rig::{Filled, LibraryKind, Rig},
    table::Table,
};

/// The page of the results in the directory of an evaluation.
const PAGE: &str = "report.html";
/// How many songs are made up where no table is given.
const SONGS: usize = 2_000;
/// How many requests a load has, unless it is asked for otherwise.
const REQUESTS: usize = 3_000;

/// The results of an evaluation, and the files in which they are.
#[derive(Debug)]
pub struct Results {
    /// The conclusion: a few lines of plain text.
    pub conclusion: String,
    /// The report, a page with plots.
    pub page: PathBuf,
    /// All that was measured, as CSV.
    pub measurements: PathBuf,
}

impl Evaluate {
    /// Makes the evaluation. Progress is told on stderr.
    ///
    /// # Errors
    ///
    /// [`EvaluateError::Usage`] before anything is started, if the settings make no sense.
    pub async fn run(self) -> Result<Results, EvaluateError> {
        self.running().await
    }

    // Boxed in a function that is not async: the code of an async function is compiled anew in each
    // crate that polls it.
    fn running(self) -> LocalBoxFuture<'static, Result<Results, EvaluateError>> {
        Box::pin(self.run_now())
    }

    async fn run_now(self) -> Result<Results, EvaluateError> {
        // Wrong settings are told before minutes are spent.
        self.loads.iter().try_for_each(questions::check)?;
        let table = self.table()?;
        self.check_out()?;
        let progress = Progress::start();
        let stores = self.stores(&progress)?;
        let library = self.library(&progress)?;

        let mut rig = Rig::start(library, Duration::from_secs(self.ttl)).await?;
        let (untitled, same) = (table.untitled, table.same);
        let bar = progress.part("songs uploaded", table.rows.len());
        let filled = rig.fill(table.rows, || bar.inc(1)).await?;
        bar.finish_and_clear();
        let same = same + filled.same;
        tell_of(&filled, untitled, same, &progress)?;

        let questions = Questions::of(&filled.songs, self.ask);
        let loads: Result<Vec<Arc<Load>>, EvaluateError> = self
            .loads
            .iter()
            .map(|kind| Load::new(kind, &questions, self.requests, REQUESTS, self.seed))
            .map(|load| load.map(Arc::new))
            .collect();
        let cells = self.wishes(stores).cells(&loads?);
        let mut circumstances = self.circumstances(&rig, stores);
        let songs = format!("{} songs", filled.songs.len());
        circumstances.insert(
            "library".to_owned(),
            format!("{}, {songs}", rig.description()),
        );
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
            progress.note(&format!("{what}: {}", progress::summed_up(&run)));
            measurements.add(&run)?;
            report.add(&run);
        }
        drop(progress);
        let page = self.out.join(PAGE);
        report
            .write(&page)
            .map_err(|cause| EvaluateError::file("write", &page, cause))?;
        let csv = measurements.end()?;
        Ok(Results {
            conclusion: report.conclusion(),
            page,
            measurements: csv,
        })
    }

    /// Makes the directory of the results; refuses to take the place of others.
    fn check_out(&self) -> Result<(), EvaluateError> {
        let results = [measurements::FILE, PAGE].map(|file| self.out.join(file));
        if let Some(there) = results.iter().find(|file| file.exists())
            && !self.overwrite
        {
            return Err(EvaluateError::Usage(format!(
                "{} is there already: choose another directory with --out, or add --overwrite",
                there.display()
            )));
        }
        std::fs::create_dir_all(&self.out)
            .map_err(|cause| EvaluateError::file("make", &self.out, cause))
    }

    fn table(&self) -> Result<Table, EvaluateError> {
        match &self.table {
            Some(path) => {
                let columns = self.columns.clone().unwrap_or_default();
                Table::read(path, &columns, self.rows)
            }
            None => Ok(Table::made_up(self.rows.unwrap_or(SONGS), self.seed)),
        }
    }

    /// Redis where it is installed, unless something else was asked for.
    fn stores(&self, progress: &Progress) -> Result<NodeKind, EvaluateError> {
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
    fn library(&self, progress: &Progress) -> Result<LibraryKind, EvaluateError> {
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
}

/// Whether to use a server of PostgreSQL or Redis: one that was asked for must be installed.
fn choose(
    asked_for: Option<bool>,
    installed: Result<String, ServerError>,
    instead: &str,
    progress: &Progress,
) -> Result<bool, EvaluateError> {
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

/// Tells how many songs there are, and how many rows were left out.
fn tell_of(
    filled: &Filled,
    untitled: usize,
    same: usize,
    progress: &Progress,
) -> Result<(), EvaluateError> {
    let refusal = filled.refusal.as_deref().unwrap_or_default();
    if filled.songs.is_empty() {
        let told = format!("the library took none of the rows: {refusal}");
        return Err(EvaluateError::Failed(told));
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
