//! A PostgreSQL server for tests, in a temporary directory.
//!
//! Tests that run at the same time share one ([`Postgres::shared`]), with a database for each; the
//! last of them stops it. A test that kills its server starts its own ([`Postgres::start`]).

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long the server may take to start or to end. Never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(60);
/// The user of all databases.
const USER: &str = "kadenza";

/// A server, and who runs it.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    directory: TempDir,
    port: u16,
    fsync: bool,
    running: Mutex<Option<Child>>,
    databases: AtomicU64,
}

/// A database on a server that lives at least as long.
#[derive(Debug, Clone)]
pub struct Database {
    /// The server.
    pub server: Arc<Postgres>,
    name: String,
}

impl Database {
    /// The URL of the database.
    #[must_use]
    pub fn url(&self) -> String {
        let port = self.server.port;
        format!("postgres://{USER}:no-secret@127.0.0.1:{port}/{}", self.name)
    }

    /// What a statement gives, a line a row.
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    #[must_use]
    pub fn ask(&self, sql: &str) -> String {
        let told = self.server.ask(&self.name, sql);
        told.unwrap_or_else(|told| panic!("{sql}: {told}"))
    }
}

impl Postgres {
    /// The server that tests share, which does not wait for the disk. `None` where PostgreSQL is
    /// not installed.
    ///
    /// # Panics
    ///
    /// If it does not start; or is not installed, and `KADENZA_REQUIRE` is set.
    #[must_use]
    pub fn shared() -> Option<Arc<Postgres>> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Postgres::start(false)?;
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// A server of one's own; with `fsync` it survives what a real one does.
    ///
    /// # Panics
    ///
    /// As [`Postgres::shared`].
    #[must_use]
    pub fn start(fsync: bool) -> Option<Arc<Postgres>> {
        let programs = programs()?.clone();
        let directory = TempDir::new().expect("a temporary directory can be made");
        if let Some((user, group)) = programs.user {
            chown(directory.path(), Some(user), Some(group)).expect("root may give it away");
        }
        let mut server = Postgres {
            programs,
            directory,
            port: 0,
            fsync,
            running: Mutex::new(None),
            databases: AtomicU64::new(0),
        };
        let made = server
            .program("initdb")
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--no-instructions", "--username", USER, "--pgdata"])
            .arg(server.data())
            .output()
            .expect("initdb starts");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        // Some connection on this machine may be given the port before the server takes it.
        let begun = Instant::now();
        loop {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            server.port = free.local_addr().expect("it is bound").port();
            drop(free);
            match server.try_run() {
                Ok(()) => return Some(Arc::new(server)),
                Err(told) if begun.elapsed() < PATIENCE && told.contains("in use") => {}
                Err(told) => panic!("PostgreSQL does not start: {told}"),
            }
        }
    }

    /// A new database.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn database(self: &Arc<Postgres>) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("music_{number}");
        let made = self.ask("postgres", &format!("CREATE DATABASE {name}"));
        made.unwrap_or_else(|told| panic!("no database: {told}"));
        Database {
            server: Arc::clone(self),
            name,
        }
    }

    /// Starts the server again after it was killed; returns when it answers.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn restart(&self) {
        self.try_run()
            .unwrap_or_else(|told| panic!("PostgreSQL does not start again: {told}"));
    }

    /// Kills all its processes at once, as a power cut does (SIGKILL).
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn kill(&self) {
        let mut running = self.lock();
        let mut child = running.take().expect("it runs");
        let children = children_of(child.id());
        let _ = child.kill();
        let _ = child.wait();
        for pid in &children {
            // It may have noticed already that its parent is gone.
            let _ = kill_process(*pid, Signal::KILL);
        }
        // A server does not start while one of an earlier one lives.
        let begun = Instant::now();
        while children.iter().any(|pid| is_alive(*pid)) {
            assert!(begun.elapsed() < PATIENCE, "a process cannot be killed");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_run(&self) -> Result<(), String> {
        let log = self.directory.path().join("log");
        let told = || fs::read_to_string(&log).unwrap_or_default();
        let write = File::create(&log).expect("the temporary directory can be written");
        let fsync = if self.fsync { "fsync=on" } else { "fsync=off" };
        let mut child = self
            .program("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-c", fsync])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=64MB"])
            .stdout(Stdio::null())
            .stderr(write)
            .spawn()
            .expect("postgres starts");
        let begun = Instant::now();
        while self.ask("postgres", "SELECT 1").is_err() {
            let ended = child.try_wait().expect("it is a child of this process");
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Err(told());
            }
            thread::sleep(Duration::from_millis(20));
        }
        *self.lock() = Some(child);
        Ok(())
    }

    fn ask(&self, database: &str, sql: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let asked = self
            .program("psql")
            .args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", USER])
            .args(["-p", &port, "-d", database, "-c", sql])
            .output()
            .expect("psql starts");
        match asked.status.success() {
            true => Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&asked.stderr).into_owned()),
        }
    }

    /// One of its programs, run by somebody whom the server accepts.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.folder.join(name));
        command
            .current_dir(self.directory.path())
            .env_remove("PGDATA")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        if let Some((user, group)) = self.programs.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.running
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.lock().is_some() {
            self.kill();
        }
    }
}

/// Where the programs are, and who has to run them.
#[derive(Debug, Clone)]
struct Programs {
    folder: PathBuf,
    /// User and group, where this process is root: the server refuses to be.
    user: Option<(u32, u32)>,
}

fn programs() -> Option<&'static Programs> {
    static FOUND: OnceLock<Option<Programs>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let folder = folder()?;
        let user = rustix::process::geteuid().is_root().then(unprivileged);
        Some(Programs { folder, user })
    });
    if found.is_none() {
        let required = std::env::var_os("KADENZA_REQUIRE").is_some();
        assert!(
            !required,
            "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        );
        eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
    }
    found.as_ref()
}

/// The folder that has them all: one of the path's, or where Debian puts them, the newest first.
fn folder() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .collect();
    versions.sort_unstable();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    let has = |folder: &Path, name| folder.join(name).is_file();
    folders.into_iter().find(|folder| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|name| has(folder, name))
    })
}

/// The user that Debian makes for the server, or else one who owns nothing.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let user = fields.next()?.parse().ok()?;
        Some((user, fields.next()?.parse().ok()?))
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .unwrap_or((65534, 65534))
}

/// The processes that a process started and that still run.
fn children_of(parent: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // …) state parent …
            let of: u32 = stat
                .rsplit(')')
                .next()?
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()?;
            (of == parent).then(|| Pid::from_raw(pid))?
        })
        .collect()
}

/// Whether a process runs; one that ended and was not reaped yet does not.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| {
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().next());
        state != Some("Z")
    })
}
