//! Groups as [`Browse::page`] defines them: a page of an index, each group added up.

use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::{
    facts::folded,
    failing::Server,
    songs::{hash, malformed, songs},
};
use kadenza_contract::{Browse, Group, GroupKind, Page, Result};

/// Song and description first, as [`songs`] reads them.
const COLUMNS: &str = "SELECT r.song, r.description, g.songs, g.duration_ms, g.year \
    FROM (SELECT ";

/// The page of groups.
pub(super) async fn page(
    browse: &Browse,
    connection: &mut PgConnection,
    server: &Server,
) -> Result<Page<Group>> {
    let (order, id) = match browse.kind {
        GroupKind::Artist => ("artist_place", "artist"),
        GroupKind::Album => ("album_place", "album_of_artist"),
        GroupKind::Genre => ("genre_place", "genre"),
    };
    let after = browse.after.as_ref().map(|cursor| cursor.key());
    if after.is_some_and(|after| after.rank() > 0) {
        return Ok(Page::of([], None, browse.limit));
    }
    let mut sql = QueryBuilder::new(COLUMNS);
    sql.push(order).push(" AS place, ").push(id).push(
        " AS of, count(*) AS songs, \
            least(sum(duration_ms), 9223372036854775807)::bigint AS duration_ms, \
            min(nullif(year, 9223372036854775807)) AS year FROM songs WHERE ",
    );
    sql.push(order).push(" IS NOT NULL");
    filter(&mut sql, browse);
    if let Some(after) = after {
        sql.push(" AND (")
            .push(order)
            .push(", ")
            .push(id)
            .push(") > (");
        sql.push_bind(after.text().as_bytes().to_vec()).push(", ");
        sql.push_bind(after.id().to_vec()).push(")");
    }
    sql.push(" GROUP BY ").push(order).push(", ").push(id);
    sql.push(" ORDER BY ").push(order).push(", ").push(id);
    sql.push(" LIMIT ").push_bind(browse.limit.get() as i64 + 1);
    // The song with the lowest id names the group.
    sql.push(") g CROSS JOIN LATERAL (SELECT id FROM songs WHERE ");
    sql.push(order)
        .push(" = g.place AND ")
        .push(id)
        .push(" = g.of");
    filter(&mut sql, browse);
    sql.push(
        " ORDER BY id LIMIT 1) f JOIN recordings r ON r.song = f.id ORDER BY g.place, g.of, f.id",
    );

    let rows = sql.build().fetch_all(connection).await;
    let rows = rows.map_err(|error| server.failed("browsing", error))?;
    let mut keyed = Vec::new();
    // A first song with several recordings has several rows.
    for rows in rows.chunk_by(|a, b| hash(a, 0).ok() == hash(b, 0).ok()) {
        let (Some(row), Some(song)) = (rows.first(), songs(rows)?.pop()) else {
            continue;
        };
        let number = |column| row.try_get::<i64, _>(column).map_err(malformed);
        let year: Option<i64> = row.try_get(4).map_err(malformed)?;
        let tags = song.tags();
        let (name, artist) = match browse.kind {
            GroupKind::Artist => (tags.artist(), None),
            GroupKind::Album => (tags.album(), Some(tags.artist().to_owned())),
            GroupKind::Genre => (tags.genre().unwrap_or(""), None),
        };
        let group = Group {
            name: name.to_owned(),
            artist,
            songs: number(2)?.unsigned_abs(),
            duration_ms: number(3)?.unsigned_abs(),
            // As `facts::ordered` wrote it.
            year: year.and_then(|year| u32::try_from(year.wrapping_sub(i64::MIN)).ok()),
            first: song.id(),
        };
        keyed.push((browse.key(&group), group));
    }
    Ok(Page::of(keyed, browse.after.as_ref(), browse.limit))
}

fn filter(sql: &mut QueryBuilder<Postgres>, browse: &Browse) {
    let names = [
        (" AND artist = ", &browse.artist),
        (" AND genre = ", &browse.genre),
    ];
    for (column, name) in names {
        if let Some(name) = name {
            sql.push(column).push_bind(folded(name).to_vec());
        }
    }
}
