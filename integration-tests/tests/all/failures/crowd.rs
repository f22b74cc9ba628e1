//! Many machines under use: some of them always killed, frozen or on their way back, or all restarted one after the
//! other.
//!
//! What must hold meanwhile: whatever was acknowledged is never denied, by no node that answers, and is on the list of
//! its title unless the list says that it is partial. Behind the middleware, nobody notices a rolling restart. At the
//! end everything is heard through any node.
//!
//! `KADENZA_CROWD` sets how many machines there are, `KADENZA_CROWD_SECONDS` how long it lasts, `KADENZA_CROWD_SEED`
//! what befalls them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use kadenza_contract::{
    AudioRequest, ContentHash, MusicService, MusicServiceExt, Query, SongId, Stated, Status,
};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{self, PATIENCE, Server},
};
use kadenza_middleware::{Client, ClientConfig};
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tempfile::TempDir;

use super::{
    machine::{Machine, State},
    number,
};

const MACHINES: usize = 5;
const SECONDS: u64 = 15;
/// How many may be dead or frozen at once: as many as two in five, so that a majority is always there.
const AWAY_OF: (usize, usize) = (2, 5);
const UPLOADERS: usize = 2;
const LISTENERS: usize = 2;
/// So many songs are heard at the end; with more there is only every second of them, or third.
const HEARD_AT_THE_END: usize = 200;

/// A song that was acknowledged.
#[derive(Debug, Clone)]
struct Acknowledged {
    song: SongId,
    content: ContentHash,
    title: String,
}

/// What those who use the network have seen.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: Mutex<Vec<Acknowledged>>,
    next: AtomicUsize,
    heard: AtomicUsize,
    refused: AtomicUsize,
    is_over: AtomicBool,
}

impl Seen {
    fn any(&self) -> Option<Acknowledged> {
        self.acknowledged.lock().choose(&mut rand::rng()).cloned()
    }

    /// Uploads a new song.
    async fn upload(&self, client: &Client) -> Result<(), String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let title = format!("Crowd {number:04}");
        let file = AudioFile {
            seed: number as u64,
            audio_bytes: 5_000 + number * 7_919 % 300_000,
            ..AudioFile::named(&title, "The Crowd", "Noise")
        };
        let bytes = file.bytes();
        let content = ContentHash::of(&bytes);
        let upload = client.upload_bytes(bytes, Stated::default()).await;
        let song = upload.map_err(|error| error.chain())?.song.id();
        self.acknowledged.lock().push(Acknowledged {
            song,
            content,
            title,
        });
        Ok(())
    }

    /// Listens to a song that was acknowledged, and looks for it in the list of its title. An answer that says that it
    /// is not there is a failure of the test; no answer is an error.
    async fn listen(&self, client: &Client, known: &Acknowledged) -> Result<(), String> {
        let told = |error: kadenza_contract::Error| error.chain().to_string();
        let audio = client.audio(&AudioRequest::whole(known.song)).await;
        let audio = audio.map_err(told)?;
        let audio = audio.unwrap_or_else(|| panic!("{known:?} is denied"));
        let pieces: Vec<_> = audio.stream.try_collect().await.map_err(told)?;
        let heard = ContentHash::of(&pieces.concat());
        assert_eq!(heard, known.content, "{known:?} sounds otherwise");
        let words = Query::words(&known.title).map_err(told)?;
        let page = client.search(&words).await.map_err(told)?;
        let is_listed = page.items.iter().any(|hit| hit.id() == known.song);
        assert!(
            is_listed || page.partial.is_some(),
            "{known:?} is not on a list that says that it is whole: {page:?}"
        );
        self.heard.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

struct Crowd {
    machines: Vec<Machine>,
    seen: Arc<Seen>,
    runtime: tokio::runtime::Runtime,
    _directory: TempDir,
}

impl Crowd {
    fn of(count: usize) -> Crowd {
        let directory = TempDir::new().unwrap();
        let mut machines: Vec<Machine> = Vec::new();
        for number in 0..count {
            let data = directory.path().join(number.to_string());
            let mut args = vec!["serve", "--data", data.to_str().unwrap()];
            args.extend(["--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0"]);
            // Machines that do not come back are replaced while the test waits.
            args.extend(["--repair-after", "5s"]);
            let invited = machines
                .first()
                .map(|first| processes::invited(&first.data));
            match &invited {
                Some(flags) => args.extend(flags.iter().map(String::as_str)),
                None => args.push("--bootstrap"),
            }
            let server = Server::start(&args);
            machines.push(Machine {
                server,
                data,
                state: State::Up,
                is_full: false,
            });
        }
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        Crowd {
            machines,
            seen: Arc::default(),
            runtime: runtime.worker_threads(1).enable_all().build().unwrap(),
            _directory: directory,
        }
    }

    fn which(&self, is: impl Fn(State) -> bool) -> Vec<usize> {
        let machines = self.machines.iter().enumerate();
        let machines = machines.filter(|(_, one)| is(one.state));
        machines.map(|(number, _)| number).collect()
    }

    /// A client of each machine alone, also of those that are away: they do not answer.
    fn clients(&self) -> Vec<Client> {
        let machines = self.machines.iter();
        machines.map(|one| one.server.client()).collect()
    }

    /// One more that is killed or frozen, or one that comes back.
    fn strike(&mut self, chance: &mut StdRng) {
        let away = self.which(|state| state != State::Up);
        let up = self.which(|state| state == State::Up);
        let room = away.len() < (self.machines.len() * AWAY_OF.0 / AWAY_OF.1).max(1);
        if away.is_empty() || (room && chance.random_bool(0.6)) {
            let one = *up.choose(chance).expect("some run");
            let machine = &mut self.machines[one];
            machine.state = match chance.random_bool(0.5) {
                true => {
                    machine.server.kill();
                    State::Dead
                }
                false => {
                    machine.server.freeze();
                    State::Frozen
                }
            };
        } else if let Some(one) = away.choose(chance) {
            self.wake(*one);
        }
    }

    fn wake(&mut self, one: usize) {
        let machine = &mut self.machines[one];
        match machine.state {
            State::Dead => machine.server.restart(),
            State::Frozen => machine.server.thaw(),
            State::Up | State::Left => {}
        }
        machine.state = State::Up;
    }

    /// Lets clients upload and listen until it is over, each through one of these at a time.
    fn use_it(&self, clients: Vec<Client>, on_error: fn(&Seen, String)) -> Vec<Using> {
        let clients = Arc::new(clients);
        let users = (0..UPLOADERS + LISTENERS).map(|user| {
            let (seen, clients) = (Arc::clone(&self.seen), Arc::clone(&clients));
            self.runtime.spawn(async move {
                while !seen.is_over.load(Ordering::Relaxed) {
                    let client = clients.choose(&mut rand::rng()).expect("some client");
                    let ended = match seen.any() {
                        Some(known) if user >= UPLOADERS => seen.listen(client, &known).await,
                        _ => seen.upload(client).await,
                    };
                    if let Err(error) = ended {
                        on_error(&seen, error);
                    }
                }
            })
        });
        users.collect()
    }

    /// Whatever the users found is a failure of the test.
    fn is_over(&self, users: Vec<Using>) {
        self.seen.is_over.store(true, Ordering::Relaxed);
        for user in users {
            self.runtime.block_on(user).expect("a user found no fault");
        }
    }

    /// Everything has all its copies, and is heard through any machine.
    fn all_is_well(&self) {
        let acknowledged = self.seen.acknowledged.lock().clone();
        let begun = Instant::now();
        loop {
            let told = self.machines[0].server.ask(&["status", "--json"]).stdout;
            let status: Option<Status> = serde_json::from_str(&told).ok();
            let copies = status.and_then(|status| status.replication);
            if copies.is_some_and(|copies| copies.incomplete == 0) {
                break;
            }
            assert!(begun.elapsed() < 3 * PATIENCE, "{told}");
            thread::sleep(Duration::from_millis(500));
        }
        let clients = self.clients();
        let each = 1 + acknowledged.len() / HEARD_AT_THE_END;
        for (number, known) in acknowledged.iter().step_by(each).enumerate() {
            let client = &clients[number % clients.len()];
            let begun = Instant::now();
            while let Err(why) = self.runtime.block_on(self.seen.listen(client, known)) {
                assert!(begun.elapsed() < PATIENCE, "{known:?}: {why}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn told(&self) -> String {
        let seen = &self.seen;
        format!(
            "{} machines: {} songs acknowledged, {} heard, {} calls without an answer",
            self.machines.len(),
            seen.acknowledged.lock().len(),
            seen.heard.load(Ordering::Relaxed),
            seen.refused.load(Ordering::Relaxed),
        )
    }
}

type Using = tokio::task::JoinHandle<()>;

fn machines() -> usize {
    number("KADENZA_CROWD").map_or(MACHINES, |count| count as usize)
}

#[test]
fn nothing_is_denied_while_machines_come_and_go() {
    let seed = number("KADENZA_CROWD_SEED").unwrap_or_else(|| rand::random_range(0..1 << 40));
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut crowd = Crowd::of(machines());
    let lasting = Duration::from_secs(number("KADENZA_CROWD_SECONDS").unwrap_or(SECONDS));
    let no_answer = |seen: &Seen, _| {
        seen.refused.fetch_add(1, Ordering::Relaxed);
    };
    let users = crowd.use_it(crowd.clients(), no_answer);
    let begun = Instant::now();
    while begun.elapsed() < lasting && users.iter().all(|user| !user.is_finished()) {
        crowd.strike(&mut chance);
        thread::sleep(Duration::from_millis(chance.random_range(0..3000)));
    }
    for one in crowd.which(|state| state != State::Up) {
        crowd.wake(one);
    }
    crowd.is_over(users);
    println!("{}", crowd.told());
    assert!(crowd.seen.heard.load(Ordering::Relaxed) > 0);
    crowd.all_is_well();
}

#[test]
fn a_rolling_restart_is_not_noticed() {
    let mut crowd = Crowd::of(machines());
    let urls: Vec<String> = crowd.machines.iter().map(|one| one.server.url()).collect();
    let client = Client::new(urls, ClientConfig::default()).unwrap();
    let users = crowd.use_it(vec![client], |_, error| panic!("an error: {error}"));
    for one in 0..crowd.machines.len() {
        let server = &mut crowd.machines[one].server;
        assert!(server.terminate().success());
        server.restart();
        let begun = Instant::now();
        let health = format!("{}/health", server.url());
        loop {
            let answer = crowd.runtime.block_on(reqwest::get(&health));
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", server.told());
            thread::sleep(Duration::from_millis(50));
        }
    }
    crowd.is_over(users);
    println!("{}", crowd.told());
    crowd.all_is_well();
}
