//! A server as a process.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use kadenza_middleware::{Client, ClientConfig};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use super::{Ended, PATIENCE, program, run};

/// A server process. It is killed and reaped when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Server {
    child: Child,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    log: NamedTempFile,
    http: Option<SocketAddr>,
    rpc: Option<SocketAddr>,
    grpc: Option<SocketAddr>,
    lines: mpsc::Receiver<String>,
}

impl Server {
    /// Starts a server command and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it does not become ready; with what it wrote.
    #[must_use]
    pub fn start(args: &[&str]) -> Server {
        Server::start_with(args, &[])
    }

    /// Starts a server command with these variables, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it does not become ready; with what it wrote.
    #[must_use]
    pub fn start_with(args: &[&str], variables: &[(&str, String)]) -> Server {
        let owned = variables.iter();
        let owned: Vec<_> = owned
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        Server::try_start(args, &owned).unwrap_or_else(|told| {
            panic!("`kadenza {}` does not become ready: {told}", args.join(" "))
        })
    }

    /// Starts a server command; where it does not become ready, gives what it wrote.
    fn try_start(args: &[&str], variables: &[(String, String)]) -> Result<Server, String> {
        let log = NamedTempFile::new().expect("a temporary file can be made");
        let write = File::create(log.path()).expect("the temporary file can be written");
        let mut child = program()
            .args(args)
            .args(["--log", "warn"])
            .envs(variables.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(write)
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        // A few lines are enough for all that is ever told; what is behind them is read and dropped.
        let (sender, lines) = mpsc::sync_channel(64);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.try_send(line);
            }
        });
        let Ok(ready) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(fs::read_to_string(log.path()).unwrap_or_default());
        };
        Ok(Server {
            child,
            args: args.iter().map(ToString::to_string).collect(),
            variables: variables.to_vec(),
            log,
            http: address(&ready, " http="),
            rpc: address(&ready, " rpc="),
            grpc: address(&ready, " grpc="),
            lines,
        })
    }

    /// The base URL at which it speaks HTTP.
    ///
    /// # Panics
    ///
    /// If it does not.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.http())
    }

    /// The address at which it speaks HTTP.
    ///
    /// # Panics
    ///
    /// If it does not.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http.expect("it speaks HTTP")
    }

    /// The address at which it speaks gRPC.
    ///
    /// # Panics
    ///
    /// If it does not.
    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc.expect("it is a backend")
    }

    /// The address at which it speaks to other nodes.
    ///
    /// # Panics
    ///
    /// If it speaks to none.
    #[must_use]
    pub fn rpc(&self) -> SocketAddr {
        self.rpc.expect("it is a node among others")
    }

    /// The next line of its results after the one that told that it is ready.
    pub fn next_line(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// Runs a client command against it.
    #[must_use]
    pub fn ask(&self, args: &[&str]) -> Ended {
        run(&[args, &["--server", &self.url()]].concat())
    }

    /// A client of this server and of no other.
    ///
    /// # Panics
    ///
    /// If the middleware refuses the server's address.
    #[must_use]
    pub fn client(&self) -> Client {
        let mut config = ClientConfig::default();
        config.learn_every = None;
        Client::new([self.url()], config).expect("it is a base URL")
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// True while it runs.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its resident memory in bytes.
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes =
            resident.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.expect("a process that runs has memory") * 1024
    }

    /// Ends it at once, as a power cut does (SIGKILL).
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it where it is (SIGSTOP): its connections stay, and it answers nothing.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("it runs");
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it runs");
    }

    /// Tells it to end (SIGTERM), and gives how it did.
    ///
    /// # Panics
    ///
    /// If it has not ended within 10 s.
    pub fn terminate(&mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        self.ended_within(Duration::from_secs(10))
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it has not ended in time; with what it wrote.
    pub fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("it is a child of this process")
            {
                return status;
            }
            assert!(
                begun.elapsed() < limit,
                "still running after {limit:?}: {}",
                self.told()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sets a flag for the next start.
    pub fn set(&mut self, flag: &str, value: &str) {
        if !self.args.iter().any(|arg| arg == flag) {
            self.args.extend([flag.to_owned(), String::new()]);
        }
        set(&mut self.args, flag, value.to_owned());
    }

    /// Starts it again, on the same ports, after it has ended.
    ///
    /// # Panics
    ///
    /// If it does not become ready.
    pub fn restart(&mut self) {
        let mut args = std::mem::take(&mut self.args);
        let variables = std::mem::take(&mut self.variables);
        for (flag, address) in [
            ("--http", self.http),
            ("--rpc", self.rpc),
            ("--grpc", self.grpc),
        ] {
            if let Some(address) = address {
                set(&mut args, flag, address.to_string());
            }
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let begun = Instant::now();
        *self = loop {
            match Server::try_start(&args, &variables) {
                Ok(server) => break server,
                // Some connection on this machine may have been given the port meanwhile.
                Err(told) if told.contains("in use") && begun.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(200));
                }
                Err(told) => panic!("it does not start again: {told}"),
            }
        };
    }

    /// Its standard error so far.
    #[must_use]
    pub fn told(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!(
                "-- what `kadenza {}` told:\n{}",
                self.args.join(" "),
                self.told()
            );
        }
    }
}

fn address(ready: &str, name: &str) -> Option<SocketAddr> {
    let (_, rest) = ready.split_once(name)?;
    rest.split(' ').next()?.parse().ok()
}

fn set(args: &mut [String], flag: &str, value: String) {
    let at = args.iter().position(|arg| arg == flag);
    if let Some(place) = at.and_then(|at| args.get_mut(at + 1)) {
        *place = value;
    }
}
