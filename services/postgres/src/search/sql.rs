//! Conditions, as they are written into statements.

use sqlx::{Postgres, QueryBuilder};

use super::Words;
use crate::words::Wanted;

/// `words` has what a text of type `tsquery` says.
pub(super) fn fits(sql: &mut QueryBuilder<Postgres>, wanted: &str) {
    sql.push("words @@ ")
        .push_bind(wanted.to_owned())
        .push("::tsquery");
}

/// A column begins with what was typed, and is not before `from`.
pub(super) fn within(
    sql: &mut QueryBuilder<Postgres>,
    column: &'static str,
    from: &[u8],
    words: &Words<'_>,
) {
    sql.push(column).push(" >= ").push_bind(from.to_vec());
    sql.push(" AND ")
        .push(column)
        .push(" < ")
        .push_bind(words.typed_end.clone());
}

/// Adds one for each word that is only found as a beginning.
pub(super) fn partial(sql: &mut QueryBuilder<Postgres>, wanted: &Wanted) {
    for whole in &wanted.whole {
        sql.push(" + (NOT ");
        fits(sql, whole);
        sql.push(")::int");
    }
}
