//! Groups as [`Browse::page`] defines them: a page of an index, each group added up.

use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::{
    facts::{self, ARTIST, GENRE, folded},
    failing::Server,
    songs::{hash, malformed, songs},
};
use kadenza_contract::{Browse, Group, GroupKind, Page, Result, SongId};

/// Song and description first, as [`songs`] reads them.
const COLUMNS: &str = "SELECT r.song, r.description, g.songs, g.duration_ms, g.year, f.cover, g.place, g.of \
    FROM (SELECT place, of, count(*) AS songs, \
        least(sum(duration_ms), 9223372036854775807)::bigint AS duration_ms, \
        min(nullif(year, 9223372036854775807)) AS year FROM ";

/// Songs by group: each as often as it has groups.
fn members(kind: GroupKind) -> String {
    let (place, of, further) = match kind {
        GroupKind::Album => {
            return "(SELECT *, album_place AS place, album_of_artist AS of FROM songs) m".into();
        }
        GroupKind::Artist => ("artist_place", "artist", ARTIST),
        GroupKind::Genre => ("genre_place", "genre", GENRE),
    };
    format!(
        "(SELECT id, artist, genre, year, duration_ms, {place} AS place, {of} AS of FROM songs \
        UNION ALL SELECT s.id, s.artist, s.genre, s.year, s.duration_ms, n.place, n.name AS of \
        FROM names n JOIN songs s ON s.id = n.song WHERE n.kind = {further}) m"
    )
}

/// The page of groups.
pub(super) async fn page(
    browse: &Browse,
    connection: &mut PgConnection,
    server: &Server,
) -> Result<Page<Group>> {
    let members = members(browse.kind);
    let after = browse.after.as_ref().map(|cursor| cursor.key());
    if after.is_some_and(|after| after.rank() > 0) {
        return Ok(Page::of([], None, browse.limit));
    }
    let mut sql = QueryBuilder::new(COLUMNS);
    sql.push(&members).push(" WHERE place IS NOT NULL");
    filter(&mut sql, browse);
    if let Some(after) = after {
        sql.push(" AND (place, of) > (");
        sql.push_bind(after.text().as_bytes().to_vec()).push(", ");
        sql.push_bind(after.id().to_vec()).push(")");
    }
    sql.push(" GROUP BY place, of ORDER BY place, of LIMIT ");
    sql.push_bind(browse.limit.get() as i64 + 1);
    // The song with the lowest id names the group; of an album, another one may have the cover.
    sql.push(") g CROSS JOIN LATERAL (SELECT ");
    match browse.kind {
        GroupKind::Album => {
            sql.push("(array_agg(id ORDER BY id))[1] AS id, ");
            sql.push("(array_agg(id ORDER BY on_album, id))[1] AS cover");
        }
        GroupKind::Artist | GroupKind::Genre => {
            sql.push("id, id AS cover");
        }
    }
    sql.push(" FROM ").push(&members);
    sql.push(" WHERE m.place = g.place AND m.of = g.of");
    filter(&mut sql, browse);
    if browse.kind != GroupKind::Album {
        sql.push(" ORDER BY id LIMIT 1");
    }
    sql.push(") f JOIN recordings r ON r.song = f.id ORDER BY g.place, g.of, f.id");

    let rows = sql.build().fetch_all(connection).await;
    let rows = rows.map_err(|error| server.failed("browsing", error))?;
    let mut keyed = Vec::new();
    let group_of = |row: &PgRow| -> Result<(Vec<u8>, Vec<u8>)> {
        let bytes = |column| row.try_get(column).map_err(malformed);
        Ok((bytes(6)?, bytes(7)?))
    };
    // A first song with several recordings has several rows.
    for rows in rows.chunk_by(|a, b| group_of(a).ok() == group_of(b).ok()) {
        let (Some(row), Some(song)) = (rows.first(), songs(rows)?.pop()) else {
            continue;
        };
        let number = |column| row.try_get::<i64, _>(column).map_err(malformed);
        let year: Option<i64> = row.try_get(4).map_err(malformed)?;
        let (place, of) = group_of(row)?;
        let tags = song.tags();
        let names: Vec<(&str, Option<&str>)> = match browse.kind {
            GroupKind::Artist => tags.artists().values().map(|name| (name, None)).collect(),
            GroupKind::Album => vec![(tags.album(), Some(tags.album_artist()))],
            GroupKind::Genre => tags.genres().values().map(|name| (name, None)).collect(),
        };
        for (name, artist) in names {
            let group = Group {
                name: name.to_owned(),
                artist: artist.map(str::to_owned),
                songs: number(2)?.unsigned_abs(),
                duration_ms: number(3)?.unsigned_abs(),
                // As `facts::ordered` wrote it.
                year: year.and_then(|year| u32::try_from(year.wrapping_sub(i64::MIN)).ok()),
                first: SongId::from_bytes(hash(row, 5)?),
            };
            let key = browse.key(&group);
            if key.text().as_bytes() == place && key.id()[..] == of {
                keyed.push((key, group));
                break;
            }
        }
    }
    Ok(Page::of(keyed, browse.after.as_ref(), browse.limit))
}

fn filter(sql: &mut QueryBuilder<Postgres>, browse: &Browse) {
    let names = [
        (GroupKind::Artist, &browse.artist),
        (GroupKind::Genre, &browse.genre),
    ];
    for (kind, name) in names {
        if let Some(name) = name {
            facts::filter(sql, kind, folded(name));
        }
    }
}
