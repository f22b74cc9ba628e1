//! A song as a row: everything by which it is found, made of the song alone.

use sqlx::{PgConnection, Postgres, QueryBuilder, query_builder::Separated};

use super::words::{beginning, lexemes};
use kadenza_contract::{
    Browse, ContentHash, Group, GroupKind, Query, Song, SongId, Sort, identity_fold, order,
    search_words,
};

/// The most bytes of a line that are kept for comparing.
const LINE_BYTES_MAX: usize = 200;
/// The longest typed text that these lines can be compared with: shorter than what is left of any
/// that was cut.
pub(super) const TYPED_BYTES_MAX: usize = LINE_BYTES_MAX - 4;

const COLUMNS: &str = "id, words, title_line, artist_line, title_agrees, by_title, by_artist, \
    by_album, newest, year, chance, artist, album, genre, album_of_artist, artist_place, \
    album_place, genre_place, duration_ms";

/// A row of the table `songs`.
#[derive(Debug)]
pub(super) struct Facts {
    id: SongId,
    words: Vec<String>,
    title_line: Vec<u8>,
    artist_line: Vec<u8>,
    title_agrees: i16,
    /// By title, by artist, by album.
    places: [Vec<u8>; 3],
    newest: i64,
    year: i64,
    chance: i64,
    /// Artist, album and genre.
    names: [[u8; 32]; 3],
    /// Artist, album and genre: the place in the list of groups, and the id there.
    groups: [Option<(Vec<u8>, [u8; 32])>; 3],
    duration_ms: i64,
}

impl Facts {
    /// The row of a song.
    pub(super) fn of(song: &Song) -> Facts {
        let tags = song.tags();
        let [title_line, artist_line] = [tags.title(), tags.artist()].map(|text| {
            let line = order::line(&search_words(text));
            beginning(&line, LINE_BYTES_MAX).as_bytes().to_vec()
        });
        let places = [Sort::Title, Sort::Artist, Sort::Album].map(|sort| key(song, sort).1);
        let agreeing = title_line.iter().zip(&places[0]);
        let agrees = agreeing.take_while(|(a, b)| a == b).count();
        let id = song.id();
        let [a, b, c, d, ..] = *id.as_bytes();
        Facts {
            words: lexemes(tags),
            title_agrees: i16::try_from(agrees).unwrap_or(i16::MAX),
            title_line,
            artist_line,
            places,
            newest: key(song, Sort::Newest).0,
            year: key(song, Sort::Year).0,
            chance: i64::from(u32::from_be_bytes([a, b, c, d])),
            names: [tags.artist(), tags.album(), tags.genre().unwrap_or("")].map(folded),
            groups: [GroupKind::Artist, GroupKind::Album, GroupKind::Genre]
                .map(|kind| group(song, kind)),
            // Groups add durations up: one that is not known adds nothing.
            duration_ms: i64::try_from(song.best().duration_ms.unwrap_or(0)).unwrap_or(i64::MAX),
            id,
        }
    }

    /// The song's id.
    pub(super) fn id(&self) -> SongId {
        self.id
    }

    /// Writes the rows of songs that are not there yet; gives the ids of those that were new.
    pub(super) async fn insert(
        rows: &[Facts],
        connection: &mut PgConnection,
    ) -> sqlx::Result<Vec<Vec<u8>>> {
        let mut insert = QueryBuilder::new("INSERT INTO songs (");
        insert.push(COLUMNS).push(") ");
        insert.push_values(rows, |mut values, row| row.values(&mut values));
        insert.push(" ON CONFLICT (id) DO NOTHING RETURNING id");
        insert.build_query_scalar().fetch_all(connection).await
    }

    /// Writes the row of a song that is there, whose best recording is another one now.
    pub(super) async fn update(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let mut update = QueryBuilder::new("UPDATE songs SET (");
        update.push(COLUMNS).push(") = (");
        self.values(&mut update.separated(", "));
        update
            .push(") WHERE id = ")
            .push_bind(self.id.as_bytes().to_vec());
        update.build().execute(connection).await.map(|_| ())
    }

    fn values(&self, values: &mut Separated<'_, Postgres, &'static str>) {
        values.push_bind(self.id.as_bytes().to_vec());
        values.push("array_to_tsvector(");
        values.push_bind_unseparated(self.words.clone());
        values.push_unseparated(")");
        values.push_bind(self.title_line.clone());
        values.push_bind(self.artist_line.clone());
        values.push_bind(self.title_agrees);
        for place in &self.places {
            values.push_bind(place.clone());
        }
        for number in [self.newest, self.year, self.chance] {
            values.push_bind(number);
        }
        for name in &self.names {
            values.push_bind(name.to_vec());
        }
        let [_, album, _] = &self.groups;
        // Of artists and genres the hash of the name is the id of the group.
        let of_artist = album.as_ref().map(|(_, id)| id.to_vec());
        values.push_bind(of_artist);
        for group in &self.groups {
            values.push_bind(group.as_ref().map(|(place, _)| place.clone()));
        }
        values.push_bind(self.duration_ms);
    }
}

/// A rank as the database orders it: its numbers are signed.
pub(super) fn ordered(rank: u64) -> i64 {
    (rank ^ (1 << 63)).cast_signed()
}

/// The hash of a name by which songs are filtered: names that are the same have the same.
pub(super) fn folded(name: &str) -> [u8; 32] {
    let text = format!("{}\u{1}", identity_fold(name));
    *ContentHash::of(text.as_bytes()).as_bytes()
}

/// Rank and text of a song in an order without words.
fn key(song: &Song, sort: Sort) -> (i64, Vec<u8>) {
    let query = Query {
        sort,
        ..Query::all()
    };
    let key = query.key(song).expect("every song fits no words");
    (ordered(key.rank()), key.text().as_bytes().to_vec())
}

/// Where the group that a song is of stands among the groups of a kind.
fn group(song: &Song, kind: GroupKind) -> Option<(Vec<u8>, [u8; 32])> {
    let tags = song.tags();
    let (name, artist) = match kind {
        GroupKind::Artist => (tags.artist(), None),
        GroupKind::Album => (tags.album(), Some(tags.artist().to_owned())),
        GroupKind::Genre => (tags.genre().unwrap_or(""), None),
    };
    if name.is_empty() {
        return None;
    }
    let key = Browse::all(kind).key(&Group {
        name: name.to_owned(),
        artist,
        songs: 1,
        duration_ms: 0,
        year: None,
        first: song.id(),
    });
    Some((key.text().as_bytes().to_vec(), *key.id()))
}
