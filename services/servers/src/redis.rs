//! A Redis server without persistence.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    PATIENCE, RedisAccess, ServerError, create, directory, free_port, guardian::Guardian, spawn,
};

const NOT_INSTALLED: ServerError = ServerError::NotInstalled {
    program: "Redis",
    package: "redis-server",
};
const WITHOUT_TLS: ServerError = ServerError::NotInstalled {
    program: "Redis with TLS",
    package: "redis-server",
};
/// What Redis says of options that its build does not know.
const UNKNOWN_OPTION: &str = "Bad directive";

/// A server on a port of its own; killed when it is dropped.
#[derive(Debug)]
pub struct Redis {
    directory: TempDir,
    access: RedisAccess,
    port: u16,
    /// Where TLS is spoken, if it is.
    tls_port: u16,
    options: Vec<String>,
    running: Mutex<Option<Running>>,
}

/// The guardian is dropped first.
#[derive(Debug)]
struct Running {
    guardian: Guardian,
    server: Child,
}

impl Redis {
    /// Starts a server with options as on its command line, such as `--maxmemory 10mb`.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start(options: &[&str]) -> Result<Redis, ServerError> {
        Redis::start_with(&RedisAccess::default(), options)
    }

    /// The same, and says what is demanded of those who connect.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start_with(access: &RedisAccess, options: &[&str]) -> Result<Redis, ServerError> {
        Redis::installed()?;
        let nothing_kept = ["--save", "", "--appendonly", "no"];
        let options = [&nothing_kept, options].concat();
        let options = options.into_iter().map(str::to_owned);
        Redis::run_in(directory()?, access, options.collect())
    }

    /// Starts a sentinel that watches a primary. It demands what `access` says, and knows what the primary demands.
    pub(super) fn sentinel(
        access: &RedisAccess,
        primary: &Redis,
        name: &str,
    ) -> Result<Redis, ServerError> {
        Redis::installed()?;
        let directory = directory()?;
        let file = directory.path().join("sentinel.conf");
        let quorum = 2;
        let port = primary.spoken_port();
        let mut text = format!(
            "sentinel monitor {name} 127.0.0.1 {port} {quorum}\n\
             sentinel down-after-milliseconds {name} 1000\n\
             sentinel failover-timeout {name} 3000\n"
        );
        if let Some(user) = &primary.access.user {
            text += &format!("sentinel auth-user {name} {user}\n");
        }
        if let Some(password) = &primary.access.password {
            text += &format!("sentinel auth-pass {name} {password}\n");
        }
        if let Some(password) = &access.password {
            text += &format!("sentinel sentinel-pass {password}\n");
        }
        let written = create(&file)?.write_all(text.as_bytes());
        written.map_err(|error| ServerError::failed("cannot write sentinel.conf", error))?;
        let file = file.to_string_lossy().into_owned();
        Redis::run_in(directory, access, vec![file, "--sentinel".into()])
    }

    fn run_in(
        directory: TempDir,
        access: &RedisAccess,
        options: Vec<String>,
    ) -> Result<Redis, ServerError> {
        let mut server = Redis {
            directory,
            access: access.clone(),
            port: 0,
            tls_port: 0,
            options,
            running: Mutex::new(None),
        };
        let begun = Instant::now();
        loop {
            server.port = free_port()?;
            server.tls_port = free_port()?;
            match server.try_run() {
                Ok(()) => return Ok(server),
                Err(ServerError::Failed { told, .. })
                    if begun.elapsed() < PATIENCE && told.contains("in use") => {}
                Err(ServerError::Failed { told, .. })
                    if access.tls.is_some() && told.contains(UNKNOWN_OPTION) =>
                {
                    return Err(WITHOUT_TLS);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Which version is installed: `Redis 7.0.15`.
    ///
    /// # Errors
    ///
    /// [`ServerError::NotInstalled`].
    pub fn installed() -> Result<String, ServerError> {
        let asked = Command::new("redis-server").arg("--version").output();
        let told = asked.map_err(|_| NOT_INSTALLED)?;
        if !told.status.success() {
            return Err(NOT_INSTALLED);
        }
        // Redis server v=7.0.15 sha=…
        let told = String::from_utf8_lossy(&told.stdout);
        let version = told
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="));
        Ok(format!(
            "Redis {}",
            version.unwrap_or("of an unknown version")
        ))
    }

    /// Where others speak with it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.spoken_port()).into()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.access.url("", &self.address().to_string())
    }

    /// Kills it (SIGKILL). One that does not run stays as it is.
    pub fn kill(&self) {
        let running = self.running.lock();
        let running = running.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { guardian, server }) = running {
            drop(guardian);
            let mut server = server;
            // One that has ended cannot be killed.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Starts it again, empty, at the same port.
    ///
    /// # Errors
    ///
    /// [`ServerError::Failed`] if it does not start.
    pub fn restart(&self) -> Result<(), ServerError> {
        self.try_run()
    }

    /// The port at which others speak with it.
    pub(super) fn spoken_port(&self) -> u16 {
        match self.access.tls {
            Some(_) => self.tls_port,
            None => self.port,
        }
    }

    /// Sends a command that must succeed; gives what it answers, as it comes over the wire.
    ///
    /// # Errors
    ///
    /// [`ServerError::Failed`] if it does not answer, or with an error.
    pub fn tell(&self, command: &str) -> Result<String, ServerError> {
        let answer = self.ask(command);
        let answer = answer.map_err(|error| ServerError::failed(command, error))?;
        match answer.starts_with('-') {
            true => Err(ServerError::failed(command, answer)),
            false => Ok(answer),
        }
    }

    /// Its answer to a command, as it comes over the wire.
    ///
    /// # Errors
    ///
    /// Any reason why it does not answer.
    pub fn ask(&self, command: &str) -> std::io::Result<String> {
        let plain = (Ipv4Addr::LOCALHOST, self.port).into();
        let mut connection = TcpStream::connect_timeout(&plain, PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        if let Some(greeting) = self.access.greeting() {
            connection.write_all(greeting.as_bytes())?;
            let mut answer = [0; b"+OK\r\n".len()];
            connection.read_exact(&mut answer)?;
        }
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = vec![0; 64 << 10];
        let length = connection.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    fn try_run(&self) -> Result<(), ServerError> {
        let log = self.directory.path().join("log");
        let write = create(&log)?;
        let also = write.try_clone();
        let also = also.map_err(|error| ServerError::failed("cannot write a log", error))?;
        let mut program = Command::new("redis-server");
        program
            .current_dir(self.directory.path())
            .args(&self.options)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(self.access.options(self.tls_port))
            .stdin(Stdio::null())
            .stdout(write)
            .stderr(also);
        let mut guardian = Guardian::of(self.directory.path(), "KILL");
        let mut server = spawn(&mut program)?;
        guardian.watch(&server);
        let begun = Instant::now();
        while !self.ask("PING").is_ok_and(|answer| answer.contains("PONG")) {
            let ended = !matches!(server.try_wait(), Ok(None));
            if ended || begun.elapsed() > PATIENCE {
                drop(guardian);
                let _ = server.kill();
                let _ = server.wait();
                let told = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(ServerError::failed("Redis does not start", told));
            }
            thread::sleep(Duration::from_millis(5));
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = Some(Running { guardian, server });
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
