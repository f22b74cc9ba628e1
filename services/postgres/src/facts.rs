//! A song as a row: everything by which it is found, made of the song alone.

use sqlx::{PgConnection, Postgres, QueryBuilder, query_builder::Separated};

use super::words::{beginning, lexemes};
use kadenza_contract::{
    Browse, ContentHash, Group, GroupKind, Names, Query, Song, SongId, Sort, Tags, identity_fold,
    order, search_words,
};

/// The most bytes of a line that are kept for comparing.
const LINE_BYTES_MAX: usize = 200;
/// The longest typed text that these lines can be compared with: shorter than what is left of any
/// that was cut.
pub(super) const TYPED_BYTES_MAX: usize = LINE_BYTES_MAX - 4;

const COLUMNS: &str = "id, words, title_line, artist_line, title_agrees, by_title, by_artist, \
    by_album, newest, year, chance, artist, album, genre, album_of_artist, artist_place, \
    album_place, genre_place, duration_ms, on_album, several";

/// Artists behind the first.
pub(super) const ARTIST: i16 = 1;
/// Genres behind the first.
pub(super) const GENRE: i16 = 2;
/// Those to whom a song belongs beside its artists.
pub(super) const CREDIT: i16 = 3;

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
    /// The first artist, the album and the first genre.
    names: [[u8; 32]; 3],
    /// The first artist, the album and the first genre: the place in the list of groups, and the id there.
    groups: [Option<(Vec<u8>, [u8; 32])>; 3],
    duration_ms: i64,
    on_album: i64,
    several: bool,
    further: Vec<Further>,
}

/// A row of the table `names`.
#[derive(Debug)]
struct Further {
    kind: i16,
    name: [u8; 32],
    place: Option<Vec<u8>>,
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
            names: [tags.artists().first(), tags.album(), tags.genres().first()].map(folded),
            groups: [
                group(GroupKind::Artist, tags.artists().first(), None),
                group(GroupKind::Album, tags.album(), Some(tags.album_artist())),
                group(GroupKind::Genre, tags.genres().first(), None),
            ],
            on_album: on_album(song),
            several: song.recordings().len() > 1,
            further: further(tags),
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
        let new: Vec<Vec<u8>> = insert
            .build_query_scalar()
            .fetch_all(&mut *connection)
            .await?;
        let is_new = |row: &&Facts| new.iter().any(|id| id[..] == row.id.as_bytes()[..]);
        let has_more = rows.iter().filter(|row| !row.further.is_empty());
        for row in has_more.filter(is_new) {
            row.insert_further(connection).await?;
        }
        Ok(new)
    }

    async fn insert_further(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let mut insert = QueryBuilder::new("INSERT INTO names (song, kind, name, place) ");
        insert.push_values(&self.further, |mut values, further| {
            values.push_bind(self.id.as_bytes().to_vec());
            values.push_bind(further.kind);
            values.push_bind(further.name.to_vec());
            values.push_bind(further.place.clone());
        });
        insert.push(" ON CONFLICT (kind, name, song) DO NOTHING");
        insert.build().execute(connection).await.map(|_| ())
    }

    /// Writes the row of a song that is there, whose best recording is another one now.
    pub(super) async fn update(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let mut update = QueryBuilder::new("UPDATE songs SET (");
        update.push(COLUMNS).push(") = (");
        self.values(&mut update.separated(", "));
        update
            .push(") WHERE id = ")
            .push_bind(self.id.as_bytes().to_vec());
        update.build().execute(&mut *connection).await?;
        sqlx::query("DELETE FROM names WHERE song = $1")
            .bind(self.id.as_bytes().to_vec())
            .execute(&mut *connection)
            .await?;
        if self.further.is_empty() {
            return Ok(());
        }
        self.insert_further(connection).await
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
        values.push_bind(self.on_album);
        values.push_bind(self.several);
    }
}

/// A rank as the database orders it: its numbers are signed.
pub(super) fn ordered(rank: u64) -> i64 {
    (rank ^ (1 << 63)).cast_signed()
}

/// Adds that a song has a name of a kind.
pub(super) fn filter(sql: &mut QueryBuilder<Postgres>, kind: GroupKind, name: [u8; 32]) {
    let (column, further) = match kind {
        GroupKind::Album => {
            sql.push(" AND album = ").push_bind(name.to_vec());
            return;
        }
        GroupKind::Artist => ("artist", [ARTIST, CREDIT]),
        GroupKind::Genre => ("genre", [GENRE, GENRE]),
    };
    sql.push(" AND (").push(column).push(" = ");
    sql.push_bind(name.to_vec());
    sql.push(" OR id = ANY(ARRAY(SELECT song FROM names WHERE kind = ANY(");
    sql.push_bind(further.to_vec()).push(") AND name = ");
    sql.push_bind(name.to_vec()).push(")))");
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
    let key = query.song_key(song).expect("every song fits no words");
    (ordered(key.rank()), key.text().as_bytes().to_vec())
}

/// Where the group of a name stands among the groups of a kind; `None` where there is no name.
fn group(kind: GroupKind, name: &str, artist: Option<&str>) -> Option<(Vec<u8>, [u8; 32])> {
    if name.is_empty() {
        return None;
    }
    let key = Browse::all(kind).key(&Group {
        name: name.to_owned(),
        artist: artist.map(str::to_owned),
        songs: 1,
        duration_ms: 0,
        year: None,
        first: SongId::from_bytes([0; 32]),
    });
    Some((key.text().as_bytes().to_vec(), *key.id()))
}

fn on_album(song: &Song) -> i64 {
    let has_artwork = song.recordings().iter().any(|of| of.has_artwork);
    let tags = song.tags();
    // Of 33 bits.
    order::cover_place(has_artwork, tags.disc(), tags.track()).cast_signed()
}

/// The names behind the first ones.
fn further(tags: &Tags) -> Vec<Further> {
    let behind = |kind, of, names: &Names| {
        let names = names.values().skip(1).map(|name| Further {
            kind,
            name: folded(name),
            place: group(of, name, None).map(|(place, _)| place),
        });
        names.collect::<Vec<_>>()
    };
    let mut further = behind(ARTIST, GroupKind::Artist, tags.artists());
    further.extend(behind(GENRE, GroupKind::Genre, tags.genres()));
    // The artists come first.
    let artists = tags.artists().values().count().max(1);
    let credits = tags.credited().skip(artists).map(|name| Further {
        kind: CREDIT,
        name: folded(name),
        place: None,
    });
    further.extend(credits);
    further
}
