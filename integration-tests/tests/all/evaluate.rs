//! `kadenza evaluate` as a process: what it measures adds up, and nothing is left of it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use kadenza_integration_tests::{
    processes::{self, wait_until},
    servers,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// One run in measurements.csv.
#[derive(Debug, Default)]
struct Run {
    configuration: String,
    load: String,
    kill_at: Option<usize>,
    /// The outcome of each request.
    outcomes: Vec<String>,
    nodes: Vec<String>,
    /// How many requests the optimum would have had.
    optimum: usize,
}

impl Run {
    fn count(&self, outcome: &str) -> usize {
        self.outcomes.iter().filter(|one| *one == outcome).count()
    }
}

/// The runs of an evaluation in their order.
fn runs(csv: &Path) -> Vec<Run> {
    let text = fs::read_to_string(csv).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let [
        run,
        configuration,
        load,
        kill_at,
        request,
        outcome,
        node,
        optimum,
        took_us,
    ] = [
        "run",
        "configuration",
        "load",
        "kill_at",
        "request",
        "outcome",
        "node",
        "optimum",
        "took_us",
    ]
    .map(column);
    let mut runs: BTreeMap<usize, Run> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), header.len(), "{line}");
        let of = runs.entry(fields[run].parse().unwrap()).or_default();
        of.configuration = fields[configuration].to_owned();
        of.load = fields[load].to_owned();
        of.kill_at = fields[kill_at].parse().ok();
        assert_eq!(fields[request], of.outcomes.len().to_string());
        assert_ne!(fields[took_us], "0");
        of.outcomes.push(fields[outcome].to_owned());
        of.nodes.push(fields[node].to_owned());
        of.optimum += usize::from(fields[optimum] == "1");
    }
    assert!(
        runs.keys().copied().eq(1..=runs.len()),
        "runs are counted from 1"
    );
    runs.into_values().collect()
}

/// Checks that hold for every run, whatever it is measured on.
fn adds_up(runs: &[Run], requests: usize) {
    for run in runs {
        let told = format!("{} {} {:?}", run.configuration, run.load, run.kill_at);
        assert_eq!(run.outcomes.len(), requests, "{told}");
        assert_eq!(run.count("failed"), 0, "{told}");
        if run.configuration == "off" {
            assert_eq!(run.count("bypass"), requests, "{told}");
            assert!(run.nodes.iter().all(String::is_empty), "{told}");
            continue;
        }
        assert_eq!(run.outcomes[0], "miss", "{told}: a cache begins empty");
        assert!(run.count("hit") > 0, "{told}");
        if run.load.starts_with("zipf") {
            let (hits, best) = (run.count("hit"), run.optimum);
            assert!(hits <= best, "{told}: {hits} hits of at most {best}");
        }
        // On a busy machine a call to a sound cache may come too late, which is a bypass too.
        let Some(kill_at) = run.kill_at else {
            continue;
        };
        let dead = &run.outcomes[kill_at..requests * 3 / 4];
        let bypassed = dead.iter().filter(|outcome| *outcome == "bypass").count();
        match run.configuration.as_str() {
            "central" => assert_eq!(bypassed, dead.len(), "{told}"),
            "partitioned" => {
                let share = bypassed as f64 / dead.len() as f64;
                assert!(share >= 0.05, "{told}: {share}");
                assert!(dead.iter().any(|outcome| outcome == "hit"), "{told}");
            }
            _ => assert!(dead.iter().any(|outcome| outcome == "hit"), "{told}"),
        }
    }
}

/// A folder that every user may look into: PostgreSQL does not run as root.
fn open_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn names_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_evaluation_on_embedded_nodes_adds_up() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("results");
    let out_name = out.to_str().unwrap();
    let args = [
        "evaluate",
        "--library",
        "embedded",
        "--stores",
        "embedded",
        "--rows",
        "100",
        "--requests",
        "480",
        "--loads",
        "zipf:0.8,bursts",
        "--sizes",
        "20%",
        "--policies",
        "s3-fifo",
        "--seed",
        "5",
        "--out",
        out_name,
    ];
    let ended = processes::run(&args);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended.stdout.contains("measurements.csv"),
        "{}",
        ended.stdout
    );
    let runs = runs(&out.join("measurements.csv"));
    // For each load four configurations; three with a killed node.
    assert_eq!(runs.len(), 2 * 4 + 3);
    adds_up(&runs, 480);
    let collapsed = |load: &str| -> usize {
        let of_load = runs.iter().filter(|run| run.load == load);
        of_load.map(|run| run.count("collapsed")).sum()
    };
    assert_eq!(collapsed("zipf 0.80"), 0);
    assert!(collapsed("bursts") > 0, "many ask the same at once");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("<html"), "{page}");
    assert_eq!(names_in(&out).len(), 2, "nothing else is written");

    // A report that took minutes is not replaced by accident.
    let again = processes::run(&args);
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("--overwrite"), "{}", again.stderr);
}

#[test]
fn an_evaluation_on_redis_and_postgres_leaves_nothing_behind() {
    let (Some(_), Some(_)) = (servers::redis(&[]), servers::shared_postgres()) else {
        return;
    };
    let (folder, scratch) = (TempDir::new().unwrap(), open_folder());
    let mut table = "name,who,kind\n".to_owned();
    for number in 0..150 {
        table.push_str(&format!(
            "\"K{number:05}.01, a\",,\"type {}\"\n",
            number % 3
        ));
    }
    let csv = folder.path().join("table.csv");
    fs::write(&csv, table).unwrap();
    let out = folder.path().join("results");
    let output = processes::command(&[
        "evaluate",
        "--library",
        "postgres",
        "--stores",
        "redis",
        "--table",
        csv.to_str().unwrap(),
        "--columns",
        "title=name,artist=who,album=kind",
        "--requests",
        "400",
        "--loads",
        "zipf:0.9",
        "--sizes",
        "20%",
        "--policies",
        "allkeys-lru",
        "--ask",
        "mixed",
        "--out",
        out.to_str().unwrap(),
    ])
    .env("TMPDIR", scratch.path())
    .output()
    .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let runs = runs(&out.join("measurements.csv"));
    assert_eq!(runs.len(), 4 + 3);
    adds_up(&runs, 400);
    for run in runs.iter().filter(|run| run.configuration == "partitioned") {
        for node in ["redis-1", "redis-2", "redis-3"] {
            assert!(run.nodes.iter().any(|one| one == node), "{node}");
        }
    }
    let left = names_in(scratch.path());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_evaluation_that_is_ended_or_killed_leaves_no_server() {
    let (Some(_), Some(_)) = (servers::redis(&[]), servers::shared_postgres()) else {
        return;
    };
    for signal in [Signal::INT, Signal::KILL] {
        let (folder, scratch) = (TempDir::new().unwrap(), open_folder());
        let out = folder.path().join("results");
        let child = processes::command(&[
            "evaluate",
            "--library",
            "postgres",
            "--stores",
            "redis",
            "--rows",
            "50",
            "--requests",
            "100000",
            "--loads",
            "uniform",
            "--configurations",
            "replicated",
            "--out",
            out.to_str().unwrap(),
        ])
        .env("TMPDIR", scratch.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut child = Killed(child);
        let told = BufReader::new(child.0.stderr.take().unwrap());
        // The database, and the nodes: it is in the middle of a run.
        let mut lines = told.lines();
        let filled = lines.find(|line| line.as_ref().unwrap().contains("50 songs"));
        assert!(filled.is_some());
        let servers = || {
            let is_server = |path: &PathBuf| path.to_string_lossy().contains("kadenza-server-");
            names_in(scratch.path())
                .iter()
                .filter(|path| is_server(path))
                .count()
        };
        // A server that has logged something is watched over.
        let logged = || {
            let log = |path: PathBuf| fs::metadata(path.join("log")).is_ok_and(|log| log.len() > 0);
            let logs = names_in(scratch.path()).into_iter().map(log);
            logs.filter(|has_logged| *has_logged).count()
        };
        wait_until("four servers", || (logged() >= 4).then_some(()));
        kill_process(Pid::from_child(&child.0), signal).unwrap();
        let status = child.0.wait().unwrap();
        if signal == Signal::INT {
            assert_eq!(status.code(), Some(130));
            let left = names_in(scratch.path());
            assert!(left.is_empty(), "{left:?}");
        }
        // The guardians remove the directory of a server when it has ended.
        wait_until("no server", || (servers() == 0).then_some(()));
        assert!(!out.join("measurements.csv").exists(), "it is not whole");
    }
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
