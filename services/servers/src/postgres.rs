//! A PostgreSQL server in a temporary directory, with a database for each who uses it.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{PATIENCE, ServerError, create, directory, free_port, guardian::Guardian, spawn};

/// The user of all databases.
const USER: &str = "kadenza";

const NOT_INSTALLED: ServerError = ServerError::NotInstalled {
    program: "PostgreSQL",
    package: "postgresql",
};

/// A server, and who runs it; it ends when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    directory: TempDir,
    port: u16,
    fsync: bool,
    running: Mutex<Option<Running>>,
    databases: AtomicU64,
}

/// The guardian is dropped first.
#[derive(Debug)]
struct Running {
    guardian: Guardian,
    server: Child,
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

    /// The rows that a statement gives, a line each.
    ///
    /// # Errors
    ///
    /// [`ServerError::Failed`] if the server refuses it or does not run.
    pub fn ask(&self, sql: &str) -> Result<String, ServerError> {
        self.server.ask(&self.name, sql)
    }
}

impl Postgres {
    /// Starts a server. With `fsync` it survives what a real one does; without, it does not wait for
    /// the disk, and its data is lost when the machine fails.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start(fsync: bool) -> Result<Arc<Postgres>, ServerError> {
        let programs = programs().ok_or(NOT_INSTALLED)?.clone();
        let directory = directory()?;
        if let Some((user, group)) = programs.user {
            chown(directory.path(), Some(user), Some(group)).map_err(|error| {
                ServerError::failed("cannot give a directory to PostgreSQL's user", error)
            })?;
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
            .map_err(|error| ServerError::failed("initdb does not start", error))?;
        if !made.status.success() {
            let told = String::from_utf8_lossy(&made.stderr);
            return Err(ServerError::failed("initdb failed", told));
        }
        let begun = Instant::now();
        loop {
            server.port = free_port()?;
            match server.try_run() {
                Ok(()) => return Ok(Arc::new(server)),
                Err(ServerError::Failed { told, .. })
                    if begun.elapsed() < PATIENCE && told.contains("in use") => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether its programs are on this machine; gives the folder that has them.
    ///
    /// # Errors
    ///
    /// [`ServerError::NotInstalled`].
    pub fn installed() -> Result<String, ServerError> {
        let programs = programs().ok_or(NOT_INSTALLED)?;
        Ok(programs.folder.display().to_string())
    }

    /// A new, empty database.
    ///
    /// # Errors
    ///
    /// [`ServerError::Failed`] if the server does not run.
    pub fn database(self: &Arc<Postgres>) -> Result<Database, ServerError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("music_{number}");
        self.ask("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(Database {
            server: Arc::clone(self),
            name,
        })
    }

    /// Its name and version: `PostgreSQL 15.8`.
    ///
    /// # Errors
    ///
    /// [`ServerError::Failed`] if the server does not run.
    pub fn version(&self) -> Result<String, ServerError> {
        let told = self.ask("postgres", "SHOW server_version")?;
        let number = told.split_whitespace().next().unwrap_or_default();
        Ok(format!("PostgreSQL {number}"))
    }

    /// Starts the server again after it was killed; returns when it answers.
    ///
    /// # Errors
    ///
    /// [`ServerError::Failed`] if it does not.
    pub fn restart(&self) -> Result<(), ServerError> {
        self.try_run()
    }

    /// Kills all its processes at once, as a power cut does (SIGKILL). One that does not run stays as
    /// it is.
    pub fn kill(&self) {
        let mut running = self.lock();
        let Some(Running { guardian, server }) = running.take() else {
            return;
        };
        drop(guardian);
        let mut server = server;
        let children = children_of(server.id());
        let _ = server.kill();
        let _ = server.wait();
        for pid in &children {
            // It may have noticed already that its parent is gone.
            let _ = kill_process(*pid, Signal::KILL);
        }
        // A server does not start while one of an earlier one lives.
        let begun = Instant::now();
        while children.iter().any(|pid| is_alive(*pid)) && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_run(&self) -> Result<(), ServerError> {
        let log = self.directory.path().join("log");
        let write = create(&log)?;
        let fsync = if self.fsync { "fsync=on" } else { "fsync=off" };
        let mut program = self.program("postgres");
        program
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-c", fsync])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=64MB"])
            .stdout(Stdio::null())
            .stderr(write);
        // Immediate shutdown: the server ends its own processes.
        let mut guardian = Guardian::of(self.directory.path(), "QUIT");
        let mut server = spawn(&mut program)?;
        guardian.watch(&server);
        let begun = Instant::now();
        while self.ask("postgres", "SELECT 1").is_err() {
            let ended = !matches!(server.try_wait(), Ok(None));
            if ended || begun.elapsed() > PATIENCE {
                drop(guardian);
                let _ = server.kill();
                let _ = server.wait();
                let told = fs::read_to_string(&log).unwrap_or_default();
                return Err(ServerError::failed("PostgreSQL does not start", told));
            }
            thread::sleep(Duration::from_millis(20));
        }
        *self.lock() = Some(Running { guardian, server });
        Ok(())
    }

    fn ask(&self, database: &str, sql: &str) -> Result<String, ServerError> {
        let port = self.port.to_string();
        let asked = self
            .program("psql")
            .args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", USER])
            .args(["-p", &port, "-d", database, "-c", sql])
            .output()
            .map_err(|error| ServerError::failed("psql does not start", error))?;
        match asked.status.success() {
            true => Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned()),
            false => Err(ServerError::failed(
                sql,
                String::from_utf8_lossy(&asked.stderr),
            )),
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

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
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
