//! How fast is a search in a large library, and what does the index cost?
//!
//! The real catalogue of 78,000 songs (`KADENZA_DATA`; without it one that is made up), and a million
//! songs made by crossing its titles, artists and albums. Beside Kadenza's index, on the same songs: the
//! full-text index of SQLite (FTS5 with bm25), and tantivy. Each question is
//! asked on one thread, a page of 20. Prints tables. `KADENZA_BENCH_SONGS` sets another number than a
//! million, and `KADENZA_BENCH_ALONE` leaves the others out.

mod fts5;
mod kadenza;
mod questions;
mod say;
mod songs;
mod tantivy;

use std::fs;

use say::say;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let many = std::env::var("KADENZA_BENCH_SONGS")
            .ok()
            .and_then(|n| n.parse().ok());
        let names = songs::names();
        let real = names.titles.len();
        for count in [real, many.unwrap_or(1_000_000)] {
            say(&format!("# {count} songs"), load());
            kadenza::measured(&names, count).await;
            if std::env::var_os("KADENZA_BENCH_ALONE").is_some() {
                continue;
            }
            fts5::measured(&names, count).await;
            tantivy::measured(&names, count);
        }
    });
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = load.split(' ').next().unwrap_or("?");
    format!("load of the machine before: {first}")
}
