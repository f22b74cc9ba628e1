//! Random sequences of what befalls machines: killed, frozen, full, restarted, leaving, joining, audio
//! flipped, cut or deleted, and uploads all the time.
//!
//! What must hold after every step: no acknowledged recording is lost, and none is unplayable through any
//! node that runs while a node that runs has a good copy. At the end, with all machines well again, every
//! recording has all its copies, and nothing on any disk is damaged. The disks tell the truth: files are
//! hashed here.
//!
//! `KADENZA_SEQUENCES` sets how many there are, `KADENZA_SEQUENCES_SEED` the seed of the first.

use std::{
    fmt, fs, thread,
    time::{Duration, Instant},
};

use super::{
    machine::{Machine, State},
    number,
};
use futures_util::TryStreamExt;
use kadenza_contract::{
    AudioRequest, ByteRange, ContentHash, Health, MusicService, MusicServiceExt, SongId, Stated,
    Status,
};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{self, PATIENCE, Server},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

/// How many sequences there are if nobody says so.
const SEQUENCES: u64 = 10;
/// How many run at once: mostly they wait.
const AT_ONCE: usize = 5;
const NODES: usize = 5;
const MACHINES_MAX: usize = 7;
const REPLICATION: usize = 3;
const STEPS: usize = 14;
/// So many machines may be dead or frozen at once: fewer than hold a song.
const AWAY_MAX: usize = 2;
/// After a longer time until all is well, the sequence is printed.
const WORTH_A_LOOK: Duration = Duration::from_secs(30);
/// How long a song may be unplayable through a node: the pauses and deadlines of a network that just
/// lost two machines, on a machine under full load.
const UNTIL_HEARD: Duration = PATIENCE;

/// A recording that was acknowledged.
#[derive(Clone)]
struct Acknowledged {
    song: SongId,
    content: ContentHash,
    file: AudioFile,
}

struct Sequence {
    seed: u64,
    chance: StdRng,
    machines: Vec<Machine>,
    acknowledged: Vec<Acknowledged>,
    refused: usize,
    files: u64,
    steps: Vec<String>,
    directory: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machines = self.machines.iter();
        let machines = machines.map(|one| (one.server.rpc(), one.state, one.is_full));
        writeln!(f, "seed {}: {:?}", self.seed, machines.collect::<Vec<_>>())?;
        self.steps
            .iter()
            .try_for_each(|step| writeln!(f, "  {step}"))
    }
}

impl Sequence {
    fn new(seed: u64) -> Sequence {
        let mut sequence = Sequence {
            seed,
            chance: StdRng::seed_from_u64(seed),
            machines: Vec::new(),
            acknowledged: Vec::new(),
            refused: 0,
            files: 0,
            steps: Vec::new(),
            directory: TempDir::new().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        for _ in 0..NODES {
            sequence.join();
        }
        for _ in 0..2 {
            sequence.upload();
        }
        sequence
    }

    fn run(mut self) -> (usize, usize, Duration, Option<String>) {
        for _ in 0..STEPS {
            self.step();
            self.check();
        }
        let healed = self.all_is_well();
        let slow = (healed > WORTH_A_LOOK).then(|| format!("{self:?}"));
        (self.acknowledged.len(), self.refused, healed, slow)
    }

    fn which(&self, state: State) -> Vec<usize> {
        let machines = self.machines.iter().enumerate();
        let machines = machines.filter(|(_, one)| one.state == state);
        machines.map(|(number, _)| number).collect()
    }

    fn any(&mut self, of: &[usize]) -> Option<usize> {
        (!of.is_empty()).then(|| of[self.chance.random_range(0..of.len())])
    }

    fn note(&mut self, what: String) {
        self.steps.push(what);
    }

    fn step(&mut self) {
        let up = self.which(State::Up);
        let away = self.which(State::Dead).len() + self.which(State::Frozen).len();
        let one = self.any(&up).expect("some node runs");
        match self.chance.random_range(0..100) {
            0..25 => self.upload(),
            25..32 => self.upload_again(),
            32..42 if away < AWAY_MAX => {
                self.note(format!("kill {one}"));
                self.machines[one].server.kill();
                self.machines[one].state = State::Dead;
            }
            42..50 if away < AWAY_MAX => {
                self.note(format!("freeze {one}"));
                self.machines[one].server.freeze();
                self.machines[one].state = State::Frozen;
            }
            50..58 => self.wake(),
            58..64 => self.fill(one),
            64..86 => self.damage(),
            86..92 if away == 0 && up.len() > REPLICATION => self.leave(one),
            92..96 if self.machines.len() < MACHINES_MAX => self.join(),
            _ => {
                let pause = self.chance.random_range(0..1500);
                self.note(format!("pause {pause} ms"));
                thread::sleep(Duration::from_millis(pause));
            }
        }
    }

    fn join(&mut self) {
        let number = self.machines.len();
        let data = self.directory.path().join(number.to_string());
        let mut args = ["serve", "--data", data.to_str().unwrap()]
            .map(str::to_owned)
            .to_vec();
        let replication = REPLICATION.to_string();
        let more = ["--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0"];
        args.extend(more.map(str::to_owned));
        args.extend(["--scrub-rate", "1GiB", "--replication", &replication].map(str::to_owned));
        // Machines that do not come back are replaced while the test waits.
        args.extend(["--repair-after", "3s"].map(str::to_owned));
        match self.which(State::Up).first() {
            None => args.push("--bootstrap".to_owned()),
            Some(up) => args.extend(processes::invited(&self.machines[*up].data)),
        }
        for other in self.which(State::Up) {
            let rpc = self.machines[other].server.rpc().to_string();
            args.extend(["--join".to_owned(), rpc]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let server = Server::start(&args);
        self.note(format!("join {number} at {}", server.rpc()));
        self.machines.push(Machine {
            server,
            data,
            state: State::Up,
            is_full: false,
        });
    }

    /// A dead node is started, or a frozen one goes on.
    fn wake(&mut self) {
        let away = [self.which(State::Dead), self.which(State::Frozen)].concat();
        let Some(one) = self.any(&away) else { return };
        self.note(format!("wake {one}"));
        let machine = &mut self.machines[one];
        match machine.state {
            State::Dead => machine.server.restart(),
            _ => machine.server.thaw(),
        }
        machine.state = State::Up;
    }

    /// The disk of a node becomes full, or there is room again.
    fn fill(&mut self, one: usize) {
        let machine = &mut self.machines[one];
        machine.is_full = !machine.is_full;
        let reserve = if machine.is_full { "1000000TiB" } else { "0" };
        machine.server.kill();
        machine.server.set("--disk-reserve", reserve);
        machine.server.restart();
        let is_full = machine.is_full;
        self.note(format!("full {one}: {is_full}"));
    }

    fn leave(&mut self, one: usize) {
        // Damage that nobody noticed is counted on when a copy is given up.
        let running = self.which(State::Up);
        if running
            .iter()
            .any(|node| !self.machines[*node].damaged().is_empty())
        {
            return;
        }
        let missing = self.acknowledged.iter().any(|recording| {
            let has = |node: &&usize| self.machines[**node].has(&recording.content);
            running.iter().filter(has).count() < REPLICATION
        });
        if missing {
            return;
        }
        let left = self.machines[one].server.ask(&["leave"]);
        self.note(format!("leave {one}: {}", left.status));
        if left.status == 0 {
            self.machines[one].server.ended_within(PATIENCE);
            self.machines[one].state = State::Left;
        }
    }

    /// Bytes of a copy are lost, if there is another good one anywhere.
    fn damage(&mut self) {
        if self.acknowledged.is_empty() {
            return;
        }
        let which = self.chance.random_range(0..self.acknowledged.len());
        let content = self.acknowledged[which].content;
        let machines = self.machines.iter().enumerate();
        let good = machines.filter(|(_, one)| one.state != State::Left && one.has(&content));
        let good: Vec<usize> = good.map(|(number, _)| number).collect();
        if good.len() < 2 {
            return;
        }
        let one = self.any(&good).expect("two of them");
        let path = self.machines[one].file(&content);
        let mut bytes = fs::read(&path).unwrap();
        let at = self.chance.random_range(0..bytes.len());
        let how = match self.chance.random_range(0..3) {
            0 => {
                bytes[at] ^= 1;
                fs::write(&path, bytes).unwrap();
                "flipped"
            }
            1 => {
                fs::write(&path, &bytes[..at]).unwrap();
                "cut"
            }
            _ => {
                fs::remove_file(&path).unwrap();
                "deleted"
            }
        };
        self.note(format!("{content} {how} on {one}"));
    }

    /// A song, or another recording of one, through any node that runs.
    fn upload(&mut self) {
        self.files += 1;
        let title = match self.acknowledged.first() {
            Some(first) if self.chance.random_range(0..4) == 0 => first.file.title.clone(),
            _ => format!("Song {}", self.files),
        };
        let file = AudioFile {
            seed: self.seed * 1000 + self.files,
            audio_bytes: self.chance.random_range(5_000..900_000),
            ..AudioFile::named(&title, "The Sequence", "Chance")
        };
        self.send(file);
    }

    fn upload_again(&mut self) {
        if !self.acknowledged.is_empty() {
            let which = self.chance.random_range(0..self.acknowledged.len());
            let file = self.acknowledged[which].file.clone();
            self.send(file);
        }
    }

    fn send(&mut self, file: AudioFile) {
        let up = self.which(State::Up);
        let one = self.any(&up).expect("some node runs");
        let client = self.machines[one].server.client();
        let bytes = file.bytes();
        let content = ContentHash::of(&bytes);
        let sent = client.upload_bytes(bytes, Stated::default());
        let told = match self.runtime.block_on(sent) {
            Ok(upload) => {
                let song = upload.song.id();
                if !self
                    .acknowledged
                    .iter()
                    .any(|known| known.content == content)
                {
                    self.acknowledged.push(Acknowledged {
                        song,
                        content,
                        file,
                    });
                }
                format!("{:?}", upload.outcome)
            }
            Err(error) => {
                self.refused += 1;
                error.chain()
            }
        };
        self.note(format!("upload {content} through {one}: {told}"));
    }

    fn hear(&self, node: usize, recording: &Acknowledged) -> Result<(), String> {
        let client = self.machines[node].server.client();
        let request = AudioRequest {
            song: recording.song,
            recording: Some(recording.content),
            range: ByteRange::ALL,
        };
        self.runtime.block_on(async {
            let audio = client.audio(&request).await;
            let audio = audio.map_err(|error| error.chain())?;
            let audio = audio.ok_or("there is no such recording")?;
            let pieces: Result<Vec<_>, _> = audio.stream.try_collect().await;
            let heard = pieces.map_err(|error| error.chain())?.concat();
            assert_eq!(ContentHash::of(&heard), recording.content, "other bytes");
            Ok(())
        })
    }

    fn check(&mut self) {
        let up = self.which(State::Up);
        for recording in self.acknowledged.clone() {
            let content = recording.content;
            let has = |one: &&Machine| one.has(&content);
            let anywhere = self.machines.iter().filter(|one| one.state != State::Left);
            assert!(
                anywhere.filter(has).count() > 0,
                "{content} is lost: {self:?}"
            );
            let node = self.any(&up).expect("some node runs");
            let begun = Instant::now();
            loop {
                // Looked at each time: a copy may be on its way.
                let is_there = up.iter().any(|one| self.machines[*one].has(&content));
                match self.hear(node, &recording) {
                    Ok(()) => break,
                    Err(_) if !is_there => break,
                    Err(why) => assert!(
                        begun.elapsed() < UNTIL_HEARD,
                        "{content} cannot be heard through {node}: {why}: {self:?}"
                    ),
                }
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// All machines are well again: everything is everywhere, and nothing is damaged. Says how long that
    /// took.
    fn all_is_well(&mut self) -> Duration {
        while !(self.which(State::Dead).is_empty() && self.which(State::Frozen).is_empty()) {
            self.wake();
        }
        for one in self.which(State::Up) {
            if self.machines[one].is_full {
                self.fill(one);
            }
        }
        self.note("all machines are well".to_owned());
        let up = self.which(State::Up);
        let begun = Instant::now();
        loop {
            let lacking: Vec<String> = self.lacking(&up);
            if lacking.is_empty() {
                break;
            }
            assert!(begun.elapsed() < 2 * PATIENCE, "{lacking:?}: {self:?}");
            thread::sleep(Duration::from_millis(200));
        }
        let healed = begun.elapsed();
        self.check();
        for node in &up {
            let begun = Instant::now();
            loop {
                let told = self.machines[*node]
                    .server
                    .ask(&["status", "--json"])
                    .stdout;
                let status: Status = serde_json::from_str(&told).unwrap();
                let storages = status.nodes.iter().map(|one| one.storage.as_ref());
                let damaged: u64 = storages.flatten().map(|storage| storage.damaged).sum();
                let copies = status.replication.expect("nodes replicate");
                // One that left while another was dead may still be listed, as down.
                let running = status.nodes.iter().filter(|one| one.health == Health::Up);
                if copies.incomplete == 0 && damaged == 0 && running.count() == up.len() {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "{told}: {self:?}");
                thread::sleep(Duration::from_millis(200));
            }
        }
        healed
    }

    fn lacking(&self, up: &[usize]) -> Vec<String> {
        let few = self.acknowledged.iter().filter_map(|recording| {
            let has = |node: &&usize| self.machines[**node].has(&recording.content);
            let copies = up.iter().filter(has).count();
            (copies < REPLICATION).then(|| format!("{}: {copies} copies", recording.content))
        });
        let damaged = up.iter().flat_map(|node| self.machines[*node].damaged());
        few.chain(damaged.map(|path| path.display().to_string()))
            .collect()
    }
}

#[test]
fn whatever_befalls_machines_no_recording_is_lost() {
    let count = number("KADENZA_SEQUENCES").unwrap_or(SEQUENCES);
    let first = number("KADENZA_SEQUENCES_SEED").unwrap_or_else(|| rand::random_range(0..1 << 40));
    println!("{count} sequences from seed {first}");
    let next = std::sync::atomic::AtomicU64::new(0);
    let done = parking_lot::Mutex::new((0, 0, Duration::ZERO));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let sequence = Sequence::new(first + number);
                    let (acknowledged, refused, healed, slow) = sequence.run();
                    if let Some(slow) = slow {
                        println!("all well only after {healed:?}: {slow}");
                    }
                    let mut done = done.lock();
                    *done = (done.0 + acknowledged, done.1 + refused, done.2.max(healed));
                }
            });
        }
    });
    let (acknowledged, refused, healed) = *done.lock();
    println!(
        "{acknowledged} recordings acknowledged, {refused} uploads refused, all well after at most {healed:?}"
    );
    assert!(acknowledged > 0);
}
