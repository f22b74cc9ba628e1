//! Malformed and hostile audio: each gets an answer or a clear refusal, soon, and the server stays up.

use std::{fs, path::PathBuf, time::Duration};

use futures_util::{StreamExt, stream};
use kadenza_contract::{MusicServiceExt, Stated};
use kadenza_integration_tests::{
    data,
    fixtures::{AudioFile, Kind},
    processes::{Cluster, Server},
};

/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(15);
/// How much the server may grow by all of it, in bytes. A guess, far below what a decompression
/// bomb or a believed length would take.
const GROWTH_MAX: u64 = 256 << 20;

/// Uploads a body as it is; gives the status.
async fn post(url: &str, name: &str, body: Vec<u8>) -> u16 {
    let client = kadenza_integration_tests::http::client()
        .timeout(SOON)
        .build()
        .unwrap();
    let request = client
        .post(format!("{url}/api/v1/songs"))
        .query(&[("artist", name)])
        .body(body);
    let answer = request
        .send()
        .await
        .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    if status >= 400 {
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        let says = problem["detail"].as_str().or(problem["title"].as_str());
        assert!(says.is_some_and(|says| !says.is_empty()), "{name}: {text}");
    }
    status
}

async fn each_is_answered(server: &Server, bodies: Vec<(String, Vec<u8>)>) {
    let before = server.memory();
    let url = server.url();
    let statuses: Vec<(String, u16)> = stream::iter(bodies)
        .map(|(name, body)| {
            let url = url.clone();
            async move {
                let status = post(&url, &name, body).await;
                (name, status)
            }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    for (name, status) in &statuses {
        assert!(
            (200..300).contains(status) || (400..500).contains(status),
            "{name}: {status}"
        );
    }
    let taken = statuses.iter().filter(|(_, status)| *status < 300).count();
    let grown = server.memory().saturating_sub(before);
    eprintln!(
        "{taken} of {} odd files were taken; {grown} bytes of memory more",
        statuses.len()
    );
    assert!(grown < GROWTH_MAX, "the server grew by {grown} bytes");

    let file = AudioFile::named("Still here", "A", "B");
    let client = server.client();
    let song = client
        .upload_bytes(file.bytes(), Stated::default())
        .await
        .unwrap()
        .song;
    assert!(client.audio_bytes(&song.id()).await.unwrap() == Some(file.bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_made_to_break_readers_are_answered() {
    let cluster = Cluster::start(1, 3);
    let mut bodies = Vec::new();
    for kind in Kind::ALL {
        let whole = AudioFile {
            kind,
            audio_bytes: 30_000,
            ..AudioFile::named("Whole", "A", "B")
        };
        let whole = whole.bytes();
        // Cut anywhere, and with bytes turned where headers are.
        for part in 1..12 {
            bodies.push((
                format!("{kind:?} cut {part}"),
                whole[..whole.len() * part / 12].to_vec(),
            ));
        }
        for at in (0..200).step_by(3) {
            let mut turned = whole.to_vec();
            turned[at] ^= 0xff;
            bodies.push((format!("{kind:?} turned at {at}"), turned));
        }
        // Lengths that promise gigabytes.
        for at in [4, 16, 40] {
            let mut huge = whole.to_vec();
            huge[at..at + 4].fill(0xff);
            bodies.push((format!("{kind:?} huge at {at}"), huge));
        }
    }
    each_is_answered(&cluster.nodes[0], bodies).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_files_of_others_are_answered() {
    let Some(data) = data::directory("odd audio files") else {
        return;
    };
    let manifest = fs::read_to_string(data.join("odd/MANIFEST.tsv")).unwrap();
    let files: Vec<PathBuf> = manifest
        .lines()
        .skip(1)
        .map(|line| data.join("odd").join(line.split('\t').next().unwrap()))
        .collect();
    assert!(files.len() > 100, "{} files", files.len());
    let cluster = Cluster::start(1, 3);
    let bodies = files.into_iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    each_is_answered(&cluster.nodes[0], bodies.collect()).await;
}
