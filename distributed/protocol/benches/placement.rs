//! How evenly are songs and cards spread over 3 to 1,000 nodes, and how much is on the fullest one?
//!
//! Run by `KADENZA_DATA=… cargo bench -p kadenza-protocol --bench placement`: the songs are those of the catalogue of
//! real names there. Nothing is timed: this is what the placement says, with the baselines of chance (each song on
//! three nodes drawn at random) and of a card on every node. Of ten networks of each size, the mean; ids are chance.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use kadenza_contract::{ContentHash, Format, Recording, Song, Tags};
use kadenza_protocol::{
    Key, Placement,
    layout::{CAPACITY_UNSAID_GIB, Shares},
};

const SIZES: [u32; 7] = [3, 5, 10, 20, 50, 100, 1000];
const NETWORKS: u32 = 10;
const SONGS: usize = 20_000;
const REPLICATION: usize = 3;

fn main() {
    let Some(data) = std::env::var_os("KADENZA_DATA").map(PathBuf::from) else {
        eprintln!(
            "skipped: the bench of placement (set KADENZA_DATA to the directory of real data)"
        );
        return;
    };
    let songs = songs(&data);
    println!("{} songs, {REPLICATION} copies of each\n", songs.len());
    println!(
        "{:>6} {:>12} {:>12} {:>14} {:>16} {:>16}",
        "nodes", "audio", "by chance", "cards a song", "of all cards", "on the fullest"
    );
    for size in SIZES {
        row(size, &songs);
    }
}

/// The songs of the catalogue.
fn songs(data: &std::path::Path) -> Vec<Song> {
    let table = data.join("catalogue/spotify_playlists_78k.tsv");
    let table = std::fs::read_to_string(table).expect("the catalogue");
    let rows = table.lines().skip(1).filter_map(|row| {
        let mut columns = row.split('\t');
        let (title, artist, album) = (columns.next()?, columns.next()?, columns.next()?);
        let tags = Tags::new(title, artist, album).ok()?;
        Some(Song::new(Recording {
            content: ContentHash::of(row.as_bytes()),
            format: Format::Mp3,
            size: 5_000_000,
            duration_ms: None,
            bit_rate: None,
            tags,
            has_artwork: false,
            added_at: Default::default(),
            reader: 0,
        }))
    });
    rows.take(SONGS).collect()
}

fn id(of: [u32; 3]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for number in of {
        hasher.update(&number.to_be_bytes());
    }
    Key::from_bytes(*hasher.finalize().as_bytes())
}

/// The most that one node has, in means.
fn most(of_nodes: &HashMap<Key, usize>, size: u32) -> f64 {
    let all: usize = of_nodes.values().sum();
    let most = of_nodes.values().max().copied().unwrap_or(0);
    most as f64 * f64::from(size) / all as f64
}

fn row(size: u32, songs: &[Song]) {
    let [mut audio, mut chance, mut cards, mut fullest] = [0.0; 4];
    for network in 0..NETWORKS {
        let nodes: Vec<Key> = (0..size).map(|node| id([network, node, 0])).collect();
        let alike = nodes.iter().map(|node| (*node, CAPACITY_UNSAID_GIB));
        let placement = Placement::new(Arc::new(Shares::new(alike, REPLICATION)));
        let mut audio_of: HashMap<Key, usize> = HashMap::new();
        let mut chance_of: HashMap<Key, usize> = HashMap::new();
        let mut cards_of: HashMap<Key, usize> = HashMap::new();
        for (song, number) in songs.iter().zip(0..) {
            for node in placement.of_audio(song.id()) {
                *audio_of.entry(node).or_default() += 1;
            }
            for node in placement.of_card(song) {
                *cards_of.entry(node).or_default() += 1;
            }
            let mut drawn = nodes.clone();
            for copy in 0..REPLICATION.min(drawn.len()) {
                let [first, second, third, fourth, ..] =
                    *id([network, number, copy as u32 + 1]).as_bytes();
                let chance = u32::from_be_bytes([first, second, third, fourth]);
                let node = drawn.swap_remove(chance as usize % drawn.len());
                *chance_of.entry(node).or_default() += 1;
            }
        }
        audio += most(&audio_of, size);
        chance += most(&chance_of, size);
        cards += cards_of.values().sum::<usize>() as f64 / songs.len() as f64;
        let most = cards_of.values().max().copied().unwrap_or(0);
        fullest += most as f64 / songs.len() as f64;
    }
    let mean = |sum: f64| sum / f64::from(NETWORKS);
    println!(
        "{size:>6} {:>12.2} {:>12.2} {:>14.1} {:>15.0}% {:>15.0}%",
        mean(audio),
        mean(chance),
        mean(cards),
        mean(cards) / f64::from(size) * 100.0,
        mean(fullest) * 100.0
    );
}
