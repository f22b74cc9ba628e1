//! A Redis server for tests, without persistence.

use std::{
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long the server may take to start or to end. Never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a port of its own; killed when it is dropped.
#[derive(Debug)]
pub struct Redis {
    directory: TempDir,
    port: u16,
    options: Vec<String>,
    running: Mutex<Option<Child>>,
}

impl Redis {
    /// Starts a server with options as on its command line, such as `--maxmemory 10mb`. `None` where
    /// Redis is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start; or is not installed, and `KADENZA_REQUIRE` is set.
    #[must_use]
    pub fn start(options: &[&str]) -> Option<Redis> {
        let nothing_kept = ["--save", "", "--appendonly", "no"];
        Redis::run(&[&nothing_kept, options].concat())
    }

    /// Starts a sentinel that watches the primary at this port.
    pub(super) fn sentinel(primary: &str, name: &str) -> Option<Redis> {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let file = directory.path().join("sentinel.conf");
        let quorum = 2;
        let text = format!(
            "sentinel monitor {name} 127.0.0.1 {primary} {quorum}\n\
             sentinel down-after-milliseconds {name} 1000\n\
             sentinel failover-timeout {name} 3000\n"
        );
        std::fs::write(&file, text).expect("the temporary directory can be written");
        let file = file.to_str().expect("temporary paths are text").to_owned();
        Redis::run_in(directory, vec![file, "--sentinel".into()])
    }

    fn run(options: &[&str]) -> Option<Redis> {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let options = options.iter().map(|option| (*option).to_owned());
        Redis::run_in(directory, options.collect())
    }

    fn run_in(directory: TempDir, options: Vec<String>) -> Option<Redis> {
        if !is_installed() {
            return None;
        }
        let mut server = Redis {
            directory,
            port: 0,
            options,
            running: Mutex::new(None),
        };
        // Some connection on this machine may be given the port before the server takes it.
        let begun = Instant::now();
        loop {
            server.port = free_port();
            match server.try_run() {
                Ok(()) => return Some(server),
                Err(told) if begun.elapsed() < PATIENCE && told.contains("in use") => {}
                Err(told) => panic!("Redis does not start: {told}"),
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Kills it (SIGKILL).
    pub fn kill(&self) {
        let running = self.running.lock();
        if let Some(mut child) = running.unwrap_or_else(PoisonError::into_inner).take() {
            // One that has ended cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again, empty, at the same port.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&self) {
        self.try_run()
            .unwrap_or_else(|told| panic!("Redis does not start again: {told}"));
    }

    /// Its number of the port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Sends a command that must succeed.
    pub(super) fn tell(&self, command: &str) -> String {
        let answer = self.ask(command).unwrap_or_else(|error| error.to_string());
        assert!(!answer.starts_with('-'), "{command}: {answer}");
        answer
    }

    /// What it answers to a command, as it comes over the wire.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from answering.
    pub fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect_timeout(&self.address(), PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = vec![0; 64 << 10];
        let length = connection.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    fn try_run(&self) -> Result<(), String> {
        let log = self.directory.path().join("log");
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        let write = File::create(&log).expect("the temporary directory can be written");
        let mut child = Command::new("redis-server")
            .current_dir(self.directory.path())
            .args(&self.options)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(write)
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let begun = Instant::now();
        while !self.ask("PING").is_ok_and(|answer| answer.contains("PONG")) {
            let ended = child.try_wait().expect("it is a child of this process");
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Err(told());
            }
            thread::sleep(Duration::from_millis(5));
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = Some(child);
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that is free now.
pub(super) fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    free.local_addr().expect("it is bound").port()
}

fn is_installed() -> bool {
    let found = Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let required = std::env::var_os("KADENZA_REQUIRE").is_some();
        assert!(
            !required,
            "Redis is not installed (Debian: apt-get install redis-server)"
        );
        eprintln!("skipped: Redis is not installed (Debian: apt-get install redis-server)");
    }
    found
}
