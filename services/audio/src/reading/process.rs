//! A reader as a child of this process.

use std::{
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    found::Found,
    job::{Answer, Failure},
    wire::{
        ASK, BYTES, FOUND, HEAD_BYTES, MESSAGE_BYTES_MAX, NO_PIECE, ORDER, PIECE, PIECE_BYTES_MAX,
        TEXT_BYTES_MAX, receive, send,
    },
    worker::Order,
};
use crate::program::ReaderProgram;

/// A reader that runs. It is ended and reaped when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Arc<Mutex<Child>>,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    pub(super) jobs: usize,
}

impl Process {
    pub(super) fn start(program: &ReaderProgram) -> io::Result<Process> {
        let mut child = Command::new(&program.path)
            .args(&program.args)
            // Variables may hold passwords, and what the reader tells is a file's doing.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let to = child.stdin.take().expect("it is piped");
        let from = child.stdout.take().expect("it is piped");
        Ok(Process {
            child: Arc::new(Mutex::new(child)),
            to,
            from: BufReader::with_capacity(64 << 10, from),
            jobs: 0,
        })
    }

    /// Whether it still runs.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.child.lock().try_wait(), Ok(None))
    }

    /// Ends it from elsewhere.
    pub(super) fn killer(&self) -> Arc<Mutex<Child>> {
        Arc::clone(&self.child)
    }

    /// Has a job done. Waits for the reader, which ends late only by being killed.
    ///
    /// # Errors
    ///
    /// If it ended, or says what cannot be so: it is of no use then.
    pub(super) fn ask(
        &mut self,
        order: &Order,
        file: &mut (impl Read + Seek),
        clock: &Clock,
    ) -> io::Result<Result<Answer, Failure>> {
        self.jobs += 1;
        ask(&mut self.to, &mut self.from, order, file, clock)
    }
}

/// Has a job done by the reader at the other end of two pipes.
pub(super) fn ask(
    to: &mut impl Write,
    from: &mut impl Read,
    order: &Order,
    file: &mut (impl Read + Seek),
    clock: &Clock,
) -> io::Result<Result<Answer, Failure>> {
    let nonsense = || io::Error::from(io::ErrorKind::InvalidData);
    let deadline = Instant::now() + Duration::from_millis(order.all_ms);
    send(to, ORDER, &serde_json::to_vec(order)?)?;
    let mut bytes = None;
    let mut at = None;
    let head = match order.len <= PIECE_BYTES_MAX as u64 {
        true => PIECE_BYTES_MAX,
        false => HEAD_BYTES,
    };
    give(to, piece(file, &mut at, 0, head))?;
    loop {
        match receive(from, MESSAGE_BYTES_MAX)? {
            (ASK, asked) if asked.len() == 12 => {
                let (from, len) = asked.split_at(8);
                let from = u64::from_le_bytes(from.try_into().expect("it has 8 bytes"));
                let len = u32::from_le_bytes(len.try_into().expect("it has 4 bytes")) as usize;
                if len > PIECE_BYTES_MAX {
                    return Err(nonsense());
                }
                // Only this is not the reader's time.
                clock.pause();
                let piece = match Instant::now() < deadline {
                    true => piece(file, &mut at, from, len),
                    false => Err(io::ErrorKind::TimedOut.into()),
                };
                clock.go_on();
                give(to, piece)?;
            }
            (BYTES, sent) if bytes.is_none() => bytes = Some(sent),
            (FOUND, found) if found.len() <= TEXT_BYTES_MAX => {
                let found: Found = serde_json::from_slice(&found)?;
                return found.answer(bytes).ok_or_else(nonsense);
            }
            _ => return Err(nonsense()),
        }
    }
}

fn give(to: &mut impl Write, piece: io::Result<Vec<u8>>) -> io::Result<()> {
    match piece {
        Ok(piece) => send(to, PIECE, &piece),
        Err(why) => send(to, NO_PIECE, why.to_string().as_bytes()),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        // It may have ended by itself; then it is only reaped.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The bytes at a place, fewer only at the end. `at` is where the file stands, if that is known.
fn piece(
    file: &mut (impl Read + Seek),
    at: &mut Option<u64>,
    from: u64,
    len: usize,
) -> io::Result<Vec<u8>> {
    if at.take() != Some(from) {
        file.seek(SeekFrom::Start(from))?;
    }
    let mut piece = Vec::with_capacity(len);
    file.by_ref().take(len as u64).read_to_end(&mut piece)?;
    *at = Some(from + piece.len() as u64);
    Ok(piece)
}

/// How long a reader worked on a job itself, without what it waited for pieces of the file.
#[derive(Debug, Default)]
pub(super) struct Clock {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Duration,
    since: Option<Instant>,
    has_ended: bool,
}

impl Clock {
    pub(super) fn go_on(&self) {
        self.state.lock().since = Some(Instant::now());
    }

    fn pause(&self) {
        let mut state = self.state.lock();
        let worked = state.since.take().map(|since| since.elapsed());
        state.spent += worked.unwrap_or_default();
    }

    /// The job is done: nobody may end the reader for it any more.
    pub(super) fn end(&self) {
        self.state.lock().has_ended = true;
    }

    /// Ends the reader unless the job is done.
    pub(super) fn kill(&self, child: &Mutex<Child>) {
        let state = self.state.lock();
        if !state.has_ended {
            // If it has ended by itself, there is nothing to do.
            let _ = child.lock().kill();
        }
    }

    pub(super) fn spent(&self) -> Duration {
        let state = self.state.lock();
        let worked = state.since.map(|since| since.elapsed());
        state.spent + worked.unwrap_or_default()
    }
}
