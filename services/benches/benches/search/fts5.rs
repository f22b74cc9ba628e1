//! The full-text index of SQLite.

use std::time::Instant;

use sqlx::{Connection, Row};

use crate::{
    questions::{classes, measured as ask_all},
    say,
    songs::{Names, song},
};

pub(crate) async fn measured(names: &Names, count: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.path().join("songs.db"))
        .create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("SQLite");
    let table = "CREATE VIRTUAL TABLE songs USING fts5(title, artist, album, prefix='1 2 3')";
    sqlx::query(table)
        .execute(&mut connection)
        .await
        .expect("a table");
    let begun = Instant::now();
    let mut transaction = connection.begin().await.expect("a transaction");
    for n in 0..count {
        let song = song(names, n);
        let insert = sqlx::query("INSERT INTO songs (title, artist, album) VALUES (?, ?, ?)");
        let (title, artist, album) = (
            song.tags().title(),
            song.tags().artist(),
            song.tags().album(),
        );
        let insert = insert
            .bind(title.to_owned())
            .bind(artist.to_owned())
            .bind(album.to_owned());
        insert.execute(&mut *transaction).await.expect("a song");
    }
    transaction.commit().await.expect("a commit");
    say(
        "FTS5: songs added in one transaction",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
    let connection = tokio::sync::Mutex::new(connection);
    let rounds = if count > 100_000 { 1 } else { 5 };
    let ask = async |text: String| {
        let words = text.split(' ').map(|word| format!("\"{word}\"*"));
        let matching = words.collect::<Vec<_>>().join(" ");
        let select = sqlx::query(
            "SELECT rowid, title, artist, album FROM songs WHERE songs MATCH ? ORDER BY rank LIMIT 20",
        );
        let mut connection = connection.lock().await;
        let rows = select
            .bind(matching)
            .fetch_all(&mut *connection)
            .await
            .expect("rows");
        rows.iter()
            .filter(|row| row.try_get::<&str, _>(1).is_ok())
            .count()
    };
    for (class, questions) in classes() {
        ask_all(&format!("FTS5: {class}"), rounds, &questions, &ask).await;
    }
}
