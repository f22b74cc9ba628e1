//! kill -9 during uploads to one library, round after round.
//!
//! Each round starts the real program, uploads several songs at once, and kills it at a random
//! moment. After the next start every song that was acknowledged is there, whole, and found; no
//! other song is there in half; nothing is left on the way in, and there is no audio that the
//! library does not know. `KADENZA_KILL_ROUNDS` sets the number of rounds, `KADENZA_KILL_SEED`
//! repeats the choices of a run that failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use kadenza_contract::{ContentHash, MusicService, MusicServiceExt, Query, SongId};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{PATIENCE, Server},
    s3::S3Server,
};
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

/// How many rounds there are if nobody says so: enough for half a minute.
const ROUNDS: usize = 25;
/// In an object store each start asks the store a few things.
const ROUNDS_ON_OBJECTS: usize = 6;
/// How many uploads are under way at once.
const AT_ONCE: usize = 6;
/// A round is killed after at most so many acknowledgements, and then so many milliseconds: before
/// the first, between two, and in the middle of some.
const NEWS_MAX: usize = 12;
const MOMENT_MS_MAX: u64 = 40;
/// How many songs of earlier rounds are heard again after each.
const HEARD_AGAIN: usize = 10;
/// The prefix of the objects.
const PREFIX: &str = "kills";

/// The acknowledged songs, and the bytes that each has to have.
type Acknowledged = BTreeMap<SongId, ContentHash>;

/// A library, and where its audio is.
struct Victim {
    directory: TempDir,
    store: Option<S3Server>,
}

impl Victim {
    fn start(&self) -> Server {
        let data = self.directory.path().to_str().unwrap();
        let mut args = vec![
            "serve",
            "--standalone",
            "--http",
            "127.0.0.1:0",
            "--data",
            data,
        ];
        let Some(store) = &self.store else {
            return Server::start(&args);
        };
        let url = store.url(PREFIX);
        args.extend(["--audio", &url]);
        Server::start_with(&args, &store.variables())
    }

    /// The content of all audio that is there, known or not.
    async fn audio(&self) -> Result<BTreeSet<ContentHash>, String> {
        if let Some(store) = &self.store {
            let listed = store.objects(PREFIX).list();
            let listed: Vec<_> = listed.try_collect().await.map_err(|error| error.chain())?;
            return Ok(listed.into_iter().map(|(content, _)| content).collect());
        }
        let mut found = BTreeSet::new();
        for folder in fs::read_dir(self.directory.path().join("audio")).unwrap() {
            let folder = folder.unwrap();
            // The marker is no audio.
            if !folder.path().is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path()).unwrap() {
                let name = [folder.file_name(), file.unwrap().file_name()];
                let name = name.map(|part| part.into_string().unwrap()).concat();
                found.insert(
                    name.parse()
                        .map_err(|_| format!("odd file {name} in audio/"))?,
                );
            }
        }
        Ok(found)
    }

    /// Gives the first thing that is wrong after a start, if any. The songs in `anew`
    /// are listened to; the others only have to be there.
    async fn examine(
        &self,
        server: &Server,
        acknowledged: &Acknowledged,
        anew: &BTreeSet<SongId>,
    ) -> Result<BTreeSet<SongId>, String> {
        let client = server.client();
        let all = client.search_all(&Query::all()).await;
        let all = all.map_err(|error| error.chain())?;
        let known: BTreeMap<_, _> = all.iter().map(|song| (song.id(), song)).collect();
        for (id, content) in acknowledged {
            let song = known
                .get(id)
                .ok_or_else(|| format!("the acknowledged {id} is lost"))?;
            if song.best().content != *content {
                return Err(format!("the acknowledged {id} has other audio"));
            }
        }
        for (id, song) in known
            .iter()
            .filter(|(id, _)| anew.contains(id) || !acknowledged.contains_key(id))
        {
            let heard = client
                .audio_bytes(id)
                .await
                .map_err(|error| error.chain())?;
            let heard = heard.ok_or_else(|| format!("{id} cannot be heard"))?;
            if ContentHash::of(&heard) != song.best().content {
                return Err(format!("{id} sounds otherwise"));
            }
            let words = Query::words(song.tags().title()).map_err(|error| error.chain())?;
            let hits = client.search(&words).await.map_err(|error| error.chain())?;
            if !hits.items.iter().any(|hit| hit.id() == *id) {
                return Err(format!("{id} is not found by its title"));
            }
        }
        let contents: BTreeSet<_> = all.iter().map(|song| song.best().content).collect();
        let there = self.audio().await?;
        if let Some(stray) = there.difference(&contents).next() {
            return Err(format!("audio {stray} is there, and no song has it"));
        }
        if let Some(lost) = contents.difference(&there).next() {
            return Err(format!("a song has the audio {lost}, which is not there"));
        }
        let left = fs::read_dir(self.directory.path().join("incoming")).unwrap();
        match left.count() {
            0 => Ok(known.into_keys().collect()),
            left => Err(format!("{left} files are left in incoming/")),
        }
    }
}

/// A song to be uploaded: most are small, some large, and some have the audio of another one.
fn song(n: usize) -> (bytes::Bytes, String) {
    let original = if n % 5 == 4 { n - 1 } else { n };
    let file = AudioFile {
        audio_bytes: if original % 7 == 3 {
            3 << 20
        } else {
            20_000 + original % 100_000
        },
        ..AudioFile::named(&format!("Killing {original}"), "Reaper", "Rounds")
    };
    (file.bytes(), format!("Killing {n}"))
}

/// Uploads until the server is gone.
async fn upload(
    http: reqwest::Client,
    url: String,
    next: Arc<AtomicUsize>,
    into: Arc<Mutex<Acknowledged>>,
) {
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        // Now and then a song again that may be there: the answer then is a promise, too.
        let n = if n % 11 == 10 { n - 10 } else { n };
        let (bytes, title) = song(n);
        let content = ContentHash::of(&bytes);
        let to = format!("{url}/api/v1/songs?title={}", title.replace(' ', "%20"));
        let Ok(answer) = http.post(to).body(bytes).send().await else {
            return;
        };
        let status = answer.status();
        let Ok(told) = answer.bytes().await else {
            return;
        };
        assert!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&told)
        );
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        let id = told["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(told["contentHash"].as_str().unwrap(), content.to_string());
        into.lock().insert(id, content);
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

async fn kill_again_and_again(victim: Victim, rounds: usize) {
    let seed = number("KADENZA_KILL_SEED").unwrap_or_else(rand::random);
    eprintln!("seed {seed}: KADENZA_KILL_SEED={seed} makes the same choices");
    let mut dice = StdRng::seed_from_u64(seed);
    let begun = Instant::now();
    let (mut acknowledged, next) = (Acknowledged::new(), Arc::new(AtomicUsize::new(0)));
    let mut seen = BTreeSet::new();
    let http = kadenza_integration_tests::http::client().build().unwrap();
    let mut server = victim.start();
    let mut starting = Duration::ZERO;
    for round in 1..=rounds {
        let news = Arc::new(Mutex::new(Acknowledged::new()));
        let uploading: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (next, news) = (Arc::clone(&next), Arc::clone(&news));
                tokio::spawn(upload(http.clone(), server.url(), next, news))
            })
            .collect();
        let enough = dice.random_range(0..=NEWS_MAX);
        let moment = Duration::from_micros(dice.random_range(0..MOMENT_MS_MAX * 1000));
        let since = Instant::now();
        while news.lock().len() < enough && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(moment).await;
        server.kill();
        for upload in uploading {
            upload.await.unwrap();
        }
        let news = std::mem::take(&mut *news.lock());
        let mut anew: BTreeSet<SongId> = news.keys().copied().collect();
        let older: Vec<_> = acknowledged.keys().copied().collect();
        for _ in 0..HEARD_AGAIN.min(older.len()) {
            anew.insert(older[dice.random_range(0..older.len())]);
        }
        acknowledged.extend(news);
        let since = Instant::now();
        server = victim.start();
        starting += since.elapsed();
        let found = victim.examine(&server, &acknowledged, &anew).await;
        seen = found.unwrap_or_else(|what| {
            panic!("seed {seed}, round {round}, killed {moment:?} after {enough}: {what}")
        });
    }
    // At the end, all of them once more.
    let all = acknowledged.keys().copied().collect();
    victim.examine(&server, &acknowledged, &all).await.unwrap();
    let songs = acknowledged.len();
    eprintln!(
        "{rounds} rounds: {songs} songs acknowledged, {} more whole without it, {:.1} s, of which \
         {:.1} s to start",
        seen.len() - songs,
        begun.elapsed().as_secs_f64(),
        starting.as_secs_f64()
    );
    assert!(
        songs >= rounds,
        "only {songs} uploads came through in {rounds} rounds"
    );
}

fn rounds(usual: usize) -> usize {
    let asked = number("KADENZA_KILL_ROUNDS").and_then(|rounds| rounds.try_into().ok());
    asked.unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_library_keeps_exactly_what_it_acknowledged() {
    let victim = Victim {
        directory: TempDir::new().unwrap(),
        store: None,
    };
    kill_again_and_again(victim, rounds(ROUNDS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_library_on_objects_keeps_what_it_acknowledged() {
    let victim = Victim {
        directory: TempDir::new().unwrap(),
        store: Some(S3Server::start().unwrap()),
    };
    kill_again_and_again(victim, rounds(ROUNDS_ON_OBJECTS)).await;
}

/// An examination that passes everything proves nothing: each fault is planted, and must be told.
#[tokio::test(flavor = "multi_thread")]
async fn the_examination_after_a_kill_notices_every_planted_fault() {
    let victim = Victim {
        directory: TempDir::new().unwrap(),
        store: None,
    };
    let server = victim.start();
    let client = server.client();
    let mut acknowledged = Acknowledged::new();
    for n in 0..3 {
        let (bytes, title) = song(n);
        let content = ContentHash::of(&bytes);
        let stated = kadenza_contract::Stated {
            title: Some(title),
            ..Default::default()
        };
        let done = client.upload_bytes(bytes, stated).await.unwrap();
        acknowledged.insert(done.song.id(), content);
    }
    let all: BTreeSet<SongId> = acknowledged.keys().copied().collect();
    victim.examine(&server, &acknowledged, &all).await.unwrap();

    // Acknowledged, and never written.
    let mut more = acknowledged.clone();
    more.insert(
        SongId::of("Never", "written", ""),
        ContentHash::of(b"never"),
    );
    let told = victim.examine(&server, &more, &all).await.unwrap_err();
    assert!(told.contains("is lost"), "{told}");

    // Acknowledged with other audio.
    let mut other = acknowledged.clone();
    other.insert(*all.first().unwrap(), ContentHash::of(b"other"));
    let told = victim.examine(&server, &other, &all).await.unwrap_err();
    assert!(told.contains("other audio"), "{told}");

    // Left on the way.
    let left = victim.directory.path().join("incoming/9.part");
    fs::write(&left, b"half").unwrap();
    let told = victim
        .examine(&server, &acknowledged, &all)
        .await
        .unwrap_err();
    assert!(told.contains("left in incoming/"), "{told}");
    fs::remove_file(&left).unwrap();

    // Audio that nobody knows.
    let place = |content: &ContentHash| {
        let name = content.to_string();
        let folder = victim.directory.path().join("audio").join(&name[..2]);
        folder.join(&name[2..])
    };
    let stray = place(&ContentHash::of(b"stray"));
    fs::write(&stray, b"stray").unwrap();
    let told = victim
        .examine(&server, &acknowledged, &all)
        .await
        .unwrap_err();
    assert!(told.contains("no song has it"), "{told}");
    fs::remove_file(&stray).unwrap();

    // Bytes that are not on the disk: written again as they are, but for one.
    let damaged = place(acknowledged.values().next().unwrap());
    let whole = fs::read(&damaged).unwrap();
    damage(&damaged, &whole, whole.len() / 2);
    let told = victim
        .examine(&server, &acknowledged, &all)
        .await
        .unwrap_err();
    assert!(!told.is_empty());
    fs::write(&damaged, &whole).unwrap();
    drop(server);
    let server = victim.start();
    victim.examine(&server, &acknowledged, &all).await.unwrap();

    // Audio that is gone.
    fs::remove_file(&damaged).unwrap();
    drop(server);
    let server = victim.start();
    let told = victim
        .examine(&server, &acknowledged, &BTreeSet::new())
        .await
        .unwrap_err();
    assert!(told.contains("which is not there"), "{told}");
}

fn damage(file: &Path, whole: &[u8], at: usize) {
    let mut bytes = whole.to_vec();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}
