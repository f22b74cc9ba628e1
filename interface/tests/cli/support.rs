//! Processes to test with.

use std::process::{Command, Output, Stdio};

/// A command that sees none of the variables of whoever runs the tests.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kadenza"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// The output of a process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            status: output.status.code().expect("ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    command(args).output().expect("it starts").into()
}

#[cfg(all(feature = "server", unix))]
pub(crate) use serving::*;

#[cfg(all(feature = "server", unix))]
mod serving {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpStream,
        process::{Child, Command, ExitStatus, Stdio},
        sync::mpsc,
        thread,
        time::{Duration, Instant},
    };

    use rustix::process::{Pid, Signal, kill_process};

    use super::{Ended, command};

    /// How long anything may take before a test gives up. Never reached when all is well.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

    /// A server process; killed when the test is over.
    #[derive(Debug)]
    pub(crate) struct Server {
        child: Child,
        /// The `ready` line.
        pub(crate) ready: String,
        /// Every later line of its stdout.
        pub(crate) lines: mpsc::Receiver<String>,
    }

    impl Server {
        /// Starts a server at which nobody signs in, and waits until it is ready.
        pub(crate) fn start(args: &[&str]) -> Server {
            let mut command = command(args);
            command.env("KADENZA_NO_SIGN_IN", "true");
            command.env("KADENZA_LOG", "error");
            Server::spawn(command)
        }

        /// Starts a server at which people sign in, and waits until it is ready.
        pub(crate) fn asking(args: &[&str]) -> Server {
            let mut command = command(args);
            command.env("KADENZA_LOG", "error");
            Server::spawn(command)
        }

        /// The same for any command that becomes a server.
        pub(crate) fn spawn(mut command: Command) -> Server {
            command.stdout(Stdio::piped());

            let mut child = command.spawn().expect("it starts");
            let stdout = BufReader::new(child.stdout.take().expect("piped"));
            let (sender, lines) = mpsc::sync_channel(1000);
            thread::spawn(move || {
                for line in stdout.lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
            let ready = lines.recv_timeout(PATIENCE).expect("a first line");
            assert!(ready.starts_with("ready http="), "{ready:?}");
            Server {
                child,
                ready,
                lines,
            }
        }

        fn address(&self, name: &str) -> Option<&str> {
            let parts = self.ready.split(' ');
            parts
                .filter_map(|part| part.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        }

        /// The address of its HTTP interface, as HOST:PORT.
        pub(crate) fn http(&self) -> &str {
            self.address("http").expect("every server speaks HTTP")
        }

        /// The address for other nodes.
        pub(crate) fn rpc(&self) -> Option<&str> {
            self.address("rpc")
        }

        pub(crate) fn signal(&self, signal: Signal) {
            kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        }

        /// Waits until it has ended, at most `limit`.
        pub(crate) fn ended_within(&mut self, limit: Duration) -> ExitStatus {
            let begun = Instant::now();
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status;
                }
                assert!(begun.elapsed() < limit, "still running after {limit:?}");
                thread::sleep(Duration::from_millis(10));
            }
        }

        /// Ends it in order.
        pub(crate) fn end(mut self) {
            self.signal(Signal::TERM);
            assert_eq!(self.ended_within(Duration::from_secs(10)).code(), Some(0));
        }

        /// Runs a client command against it.
        pub(crate) fn ask(&self, args: &[&str]) -> Ended {
            let mut all = args.to_vec();
            let url = format!("http://{}", self.http());
            all.extend(["--server", &url]);
            command(&all).output().expect("it starts").into()
        }

        /// Asks over HTTP; answers status line, head and body.
        pub(crate) fn request(&self, method: &str, path: &str) -> (String, String) {
            let mut stream = TcpStream::connect(self.http()).expect("it listens");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = String::new();
            stream
                .read_to_string(&mut answer)
                .expect("it answers in text");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            (head.to_owned(), body.to_owned())
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// A library alone, in this folder.
    pub(crate) fn standalone(data: &std::path::Path) -> Server {
        let data = data.to_str().expect("a name in text");
        Server::start(&[
            "serve",
            "--standalone",
            "--data",
            data,
            "--http",
            "127.0.0.1:0",
        ])
    }

    /// A WAV file of a tenth of a second a `step`, whose bytes depend on the `seed`; 16 bits, one
    /// channel, 8000 a second.
    pub(crate) fn wav(tags: &[(&[u8; 4], &str)], seed: u8, steps: usize) -> Vec<u8> {
        let chunk = |id: &[u8], body: &[u8]| {
            let mut chunk = id.to_vec();
            chunk.extend((body.len() as u32).to_le_bytes());
            chunk.extend(body);
            chunk.extend(vec![0; body.len() % 2]);
            chunk
        };
        let mut info = b"INFO".to_vec();
        for (id, text) in tags {
            info.extend(chunk(*id, format!("{text}\0").as_bytes()));
        }
        let format = [1u16.to_le_bytes(), 1u16.to_le_bytes()].concat();
        let format = [
            format,
            8000u32.to_le_bytes().to_vec(),
            16000u32.to_le_bytes().to_vec(),
            vec![2, 0, 16, 0],
        ]
        .concat();
        let data: Vec<u8> = (0..1600 * steps)
            .map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed))
            .collect();
        let mut body = b"WAVE".to_vec();
        body.extend(chunk(b"fmt ", &format));
        if !tags.is_empty() {
            body.extend(chunk(b"LIST", &info));
        }
        body.extend(chunk(b"data", &data));
        chunk(b"RIFF", &body)
    }

    /// A tagged WAV file.
    pub(crate) fn song(title: &str, artist: &str, album: &str) -> Vec<u8> {
        let seed = title
            .bytes()
            .chain(artist.bytes())
            .fold(0, u8::wrapping_add);
        wav(
            &[(b"INAM", title), (b"IART", artist), (b"IPRD", album)],
            seed,
            10,
        )
    }

    /// A WAV file with these texts in ID3v2.4; a NUL stands between several values.
    pub(crate) fn id3(texts: &[(&str, &str)]) -> Vec<u8> {
        let mut frames = Vec::new();
        for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            frames.extend(name.as_bytes());
            // Sizes have seven bits a byte; these fit into one.
            frames.extend([0, 0, 0, text.len() as u8 + 1, 0, 0, 3]);
            frames.extend(text.as_bytes());
        }
        let size = [(frames.len() >> 7) as u8, frames.len() as u8 & 0x7f];
        let tag = [b"ID3\x04\0\0\0\0", &size[..], &frames].concat();
        let seed = frames.iter().copied().fold(0, u8::wrapping_add);
        let mut file = wav(&[], seed, 10);
        file.extend(b"id3 ");
        file.extend((tag.len() as u32).to_le_bytes());
        file.extend(&tag);
        file.extend(vec![0; tag.len() % 2]);
        let size = file.len() as u32 - 8;
        file[4..8].copy_from_slice(&size.to_le_bytes());
        file
    }

    /// The lines of a text as JSON documents.
    pub(crate) fn documents(text: &str) -> Vec<serde_json::Value> {
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a document a line"))
            .collect()
    }
}
