//! The web player in a real browser: upload, find, play, seek.

mod driver;
mod signing_in;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use driver::{Driver, Page};
use kadenza_integration_tests::{
    data,
    fixtures::AudioFile,
    processes::{Cluster, PATIENCE, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A song to be uploaded, by its file, title and words to find it by.
struct Song {
    path: PathBuf,
    title: &'static str,
    words: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_song_uploaded_in_the_browser_is_found_played_and_sought() {
    let Some(driver) = Driver::start("the player in a browser") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let mut songs = vec![fixture(folder.path())];
    if let Some(data) = data::directory("the player with real music") {
        let file = |name: &str, title, words| Song {
            path: data.join("audio").join(name),
            title,
            words,
        };
        songs.push(file("11-megtort-alom.mp3", "Megtört Álom", "megtort"));
        songs.push(file(
            "04-chimes-they-fade.ogg",
            "Chimes They Fade",
            "chimes fade",
        ));
        songs.push(file("14-ezer-ev.flac", "Ezer Év", "obsidian ezer"));
    }
    let demo = folder.path().join("demo");
    let demo = [
        "demo",
        "--http",
        "127.0.0.1:0",
        "--dir",
        demo.to_str().unwrap(),
    ];
    let demo = Server::start(&demo);

    let page = driver.open(&demo.url()).await;
    let paths: Vec<&str> = songs
        .iter()
        .map(|song| song.path.to_str().unwrap())
        .collect();
    page.type_into("#upload-files", &paths.join("\n")).await;
    for song in &songs {
        plays(&page, song).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_the_cache_and_the_time_of_a_list() {
    let Some(driver) = Driver::start("the player over a cache in a browser") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let song = fixture(folder.path());
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let serve = [
        "serve",
        "--standalone",
        "--data",
        data,
        "--http",
        "127.0.0.1:0",
    ];
    let server = Server::start(&[&serve[..], &["--cache", "embedded"]].concat());
    let uploaded = server.ask(&["upload", song.path.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    let player = ["player", "--server", &server.url(), "--http", "127.0.0.1:0"];
    let player = Server::start(&player);

    let page = driver.open(&player.url()).await;
    let says = "return document.querySelector('#origin').textContent.startsWith(arguments[0])
        && / [0-9.,]+ ms$/.test(document.querySelector('#origin').textContent)";
    let library = json!(["from the library, "]);
    until(&page, says, library, "the first list has no origin").await;
    for expected in [
        "from the library, ",
        &format!("from cache embedded@{}, ", server.http()),
    ] {
        page.run(
            "document.querySelector('#search').value = '';
            document.querySelector('#origin').textContent = ''",
            json!([]),
        )
        .await;
        page.type_into("#search", song.words).await;
        until(&page, says, json!([expected]), expected).await;
    }
    let caches =
        "return document.querySelector('#status').textContent.includes('2 of 2 caches up')";
    until(&page, caches, json!([]), "the page tells of no caches").await;
}

/// What the file does not say is asked for, with each of several artists by itself; a cue sheet in a dropped folder
/// is told of.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_for_names_and_tells_of_cue_sheets() {
    let Some(driver) = Driver::start("uploads in a browser") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let demo = folder.path().join("demo");
    let demo = demo.to_str().unwrap();
    let demo = Server::start(&["demo", "--http", "127.0.0.1:0", "--dir", demo]);
    let page = driver.open(&demo.url()).await;

    let path = folder.path().join("_.wav");
    fs::write(&path, AudioFile::default().bytes()).unwrap();
    page.type_into("#upload-files", path.to_str().unwrap())
        .await;
    let asks = "return document.querySelector('form.stated') !== null";
    until(&page, asks, json!([]), "the page asks for no title").await;
    let says = "const form = document.querySelector('form.stated');
        form.querySelector('.further').click();
        form.elements.title.value = 'Asked for';
        [...form.elements.artist].forEach((field, at) => { field.value = arguments[at]; });
        form.requestSubmit()";
    let (one, other) = ("Simon & Garfunkel", "AC/DC, live");
    page.run(says, json!([one, other])).await;
    let added = "return document.querySelector('#uploads-list [data-outcome=\"added\"]') !== null";
    until(&page, added, json!([]), "the song was not added").await;
    let found = demo.ask(&["search", "asked", "--json"]);
    let song: Value = serde_json::from_str(found.stdout.trim()).unwrap();
    assert_eq!(song["artists"], json!([one, other]), "{song}");

    // A folder that was dropped, as a browser hands it over.
    let drop = "const file = (name, text) => ({ isFile: true, name, fullPath: '/Album/' + name,
            file: (done) => done(new File([text], name)) });
        const entries = [file('Album.flac', 'no audio'), file('Album.cue', arguments[0])];
        const folder = { isDirectory: true, name: 'Album', createReader: () => ({
            readEntries: (done) => done(entries.splice(0)) }) };
        const event = new Event('drop');
        event.dataTransfer = { types: ['Files'], files: [],
            items: [{ webkitGetAsEntry: () => folder }] };
        dispatchEvent(event)";
    let sheet = "FILE \"Album.wav\" WAVE\r\n  TRACK 01 AUDIO\r\n  TRACK 02 AUDIO\r\n";
    page.run(drop, json!([sheet])).await;
    let told = "return [...document.querySelectorAll('#uploads-list [data-outcome=\"cue sheet\"]')]
        .some(row => row.textContent.includes('Album.flac holds 2 songs in one file'))";
    until(&page, told, json!([]), "the cue sheet is not told of").await;
}

/// A list that may lack songs is shown, and names the machine that does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_whose_songs_may_be_missing() {
    let Some(driver) = Driver::start("partial lists in a browser") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let song = fixture(folder.path());
    let mut cluster = Cluster::start(3, 3);
    let uploaded = cluster.nodes[0].ask(&["upload", song.path.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    let away = cluster.nodes[1].rpc().to_string();
    cluster.kill(&[1, 2]);
    let server = cluster.nodes[0].url();
    let player = Server::start(&["player", "--server", &server, "--http", "127.0.0.1:0"]);

    let page = driver.open(&player.url()).await;
    page.type_into("#search", song.words).await;
    let says = "return document.querySelector('#results').textContent.includes(arguments[0])
        && document.querySelector('#partial').checkVisibility()
        && document.querySelector('#partial').textContent.includes(arguments[1])";
    until(&page, says, json!([song.title, away]), "it says nothing").await;
    page.run("document.querySelector('#search').value = ''", json!([]))
        .await;
    page.type_into("#search", "nowhere").await;
    let says = "return document.querySelector('.empty-title').textContent === arguments[0]";
    let none = json!(["No song was found"]);
    until(&page, says, none, "it denies what it cannot know").await;
}

/// A song of half a minute.
fn fixture(folder: &Path) -> Song {
    let file = AudioFile {
        audio_bytes: 16_000 * 30,
        ..AudioFile::named("White Noise", "Nobody", "Thirty Seconds")
    };
    let path = folder.join("noise.wav");
    fs::write(&path, file.bytes()).unwrap();
    Song {
        path,
        title: "White Noise",
        words: "white noi",
    }
}

async fn plays(page: &Page, song: &Song) {
    page.run("document.querySelector('#search').value = ''", json!([]))
        .await;
    page.type_into("#search", song.words).await;
    let row = "[...document.querySelectorAll('#results [data-song-id]')]
        .find(row => row.textContent.includes(arguments[0]))";
    let is_listed = format!("return {row} !== undefined");
    until(
        page,
        &is_listed,
        json!([song.title]),
        &format!("{:?} is not found", song.title),
    )
    .await;
    page.run(
        &format!("({row}).querySelector('.play').click()"),
        json!([song.title]),
    )
    .await;

    let title = "return document.querySelector('#now-title').textContent === arguments[0]";
    until(
        page,
        title,
        json!([song.title]),
        "the player names another song",
    )
    .await;
    let goes_on = "const player = document.querySelector('#player');
        return !player.paused && !player.error && player.currentTime > arguments[0]";
    until(
        page,
        goes_on,
        json!([0.5]),
        &format!("{:?} does not play", song.title),
    )
    .await;

    // Well ahead of what has played, and of what is likely to be there already.
    let seek = "const seek = document.querySelector('#seek');
        seek.value = 0.6 * Number(seek.max);
        for (const kind of ['input', 'change']) seek.dispatchEvent(new Event(kind, { bubbles: true }));
        return 0.6 * document.querySelector('#player').duration";
    let to = page.run(seek, json!([])).await.as_f64().unwrap();
    assert!(to > 2.0, "{:?} lasts {to}", song.title);
    let sought = format!("{:?} does not go on at {to} s", song.title);
    until(page, goes_on, json!([to + 0.5]), &sought).await;
}

/// Waits until a script says yes.
async fn until(page: &Page, script: &str, args: Value, otherwise: &str) {
    let begun = Instant::now();
    while page.run(script, args.clone()).await != true {
        if begun.elapsed() > PATIENCE {
            let text = page.run("return document.body.innerText", json!([])).await;
            panic!("{otherwise}; the page reads {text}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
