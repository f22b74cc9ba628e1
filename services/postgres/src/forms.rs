//! Every form of any word, where parts of words and slips are looked for.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use kadenza_contract::{ContentHash, Song, order::fields};

/// Remembers the forms of songs. Outside of the transaction that adds them, before it: so nobody waits
/// for another who adds a song with the same word, and a form too many finds nothing.
pub(super) async fn remember<'a>(
    connection: &mut PgConnection,
    songs: impl IntoIterator<Item = &'a Song>,
) -> sqlx::Result<()> {
    // In one order, so that two servers that remember the same forms do not wait for each other.
    let mut forms: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    // Any recording may be the best one later.
    for recording in songs.into_iter().flat_map(Song::recordings) {
        for form in fields(&recording.tags).into_iter().flatten() {
            let id = ContentHash::of(form.as_bytes()).as_bytes().to_vec();
            forms.insert(id, form);
        }
    }
    let (ids, forms): (Vec<Vec<u8>>, Vec<String>) = forms.into_iter().unzip();
    let insert = "INSERT INTO forms (id, form) SELECT * FROM unnest($1::bytea[], $2::text[]) \
        ON CONFLICT (id) DO NOTHING";
    sqlx::query(insert)
        .bind(ids)
        .bind(forms)
        .execute(connection)
        .await
        .map(|_| ())
}
