//! Hits that have words only inside of others, or with a slip.
//!
//! The table `forms` has each form of any word once. The forms that have a wanted word inside, or are a slip
//! away from it, are looked for there; of the songs that have one of them each is looked at in this process.

use std::collections::HashMap;

use sqlx::{PgConnection, QueryBuilder, Row};

use super::Search;
use crate::{songs::malformed, words::forms_within};
use kadenza_contract::{
    Entry, Page, Result, SongId, SortKey,
    order::{self, INSIDE, SLIP},
};

/// How many forms are looked for in a statement. A guess: four operands each, far below what a
/// `tsquery` may hold.
const FORMS_MAX: usize = 2000;

impl Search<'_> {
    /// The page with what is found in these ways behind what was found in better ones.
    pub(super) async fn and_far(
        &self,
        connection: &mut PgConnection,
        near: Page<Entry>,
    ) -> Result<Page<Entry>> {
        let is_full = near.next.is_some();
        if is_full || !self.query.takes_parts() {
            return Ok(near);
        }
        let Some(text) = &self.query.text else {
            return Ok(near);
        };
        let mut far: HashMap<SongId, (SortKey, Entry)> = HashMap::new();
        let takes_slips = near.items.is_empty() && self.query.takes_slips();
        for slips in [false, true] {
            if slips && (!takes_slips || !far.is_empty()) {
                break;
            }
            let Some(forms) = self.rarest(connection, text.required(), slips).await? else {
                continue;
            };
            let is_asked = |key: &SortKey| key.rank() >= INSIDE && (key.rank() >= SLIP) == slips;
            for some in forms.chunks(FORMS_MAX) {
                let wanted = forms_within(some);
                for (key, song) in self.looked_at(connection, &wanted, is_asked).await? {
                    far.insert(song.id(), (key, song));
                }
                if far.len() > 4 * self.limit as usize {
                    let mut best: Vec<_> = far.into_values().collect();
                    self.keep_best(&mut best);
                    far = best
                        .into_iter()
                        .map(|(key, song)| (song.id(), (key, song)))
                        .collect();
                }
            }
        }
        let near = near.items.into_iter();
        let near = near.filter_map(|song| Some((self.query.key(&song)?, song)));
        let all = near.chain(far.into_values());
        Ok(Page::of(all, self.query.after.as_ref(), self.query.limit))
    }

    /// The forms that have a wanted word in the way that is asked for, of that word which has the fewest;
    /// `None` if a word is nowhere.
    async fn rarest(
        &self,
        connection: &mut PgConnection,
        required: &[order::Wanted],
        slips: bool,
    ) -> Result<Option<Vec<String>>> {
        let mut rarest: Option<Vec<String>> = None;
        for wanted in required {
            let found = self.forms_of(connection, wanted, slips).await?;
            if found.is_empty() {
                return Ok(None);
            }
            if rarest
                .as_ref()
                .is_none_or(|rarest| found.len() < rarest.len())
            {
                rarest = Some(found);
            }
        }
        Ok(rarest)
    }

    /// The forms that have a word: at their beginning or inside, or but for a slip.
    async fn forms_of(
        &self,
        connection: &mut PgConnection,
        wanted: &order::Wanted,
        slips: bool,
    ) -> Result<Vec<String>> {
        let mut sql = QueryBuilder::new("SELECT form FROM forms WHERE false");
        for spelling in wanted.spellings() {
            sql.push(" OR starts_with(form, ")
                .push_bind(spelling)
                .push(")");
        }
        for part in wanted.parts() {
            sql.push(" OR strpos(form, ").push_bind(part).push(") > 0");
        }
        for typed in wanted.mistypable().filter(|_| slips) {
            // A slip leaves the first letters as they are or the last, and one between them.
            let count = typed.chars().count();
            let kept = (count - 1) / 2;
            let first: String = typed.chars().take(kept).collect();
            let last: String = typed.chars().skip(count - kept).collect();
            sql.push(" OR (char_length(form) BETWEEN ");
            sql.push_bind(count as i64 - 1)
                .push(" AND ")
                .push_bind(count as i64 + 1);
            sql.push(" AND (starts_with(form, ").push_bind(first);
            sql.push(") OR right(form, ").push_bind(kept as i32);
            sql.push(") = ").push_bind(last).push("))");
        }
        let rows = sql.build().fetch_all(connection).await;
        let rows = rows.map_err(|error| self.server.failed("searching", error))?;
        let mut forms = Vec::new();
        for row in rows {
            let form: String = row.try_get(0).map_err(malformed)?;
            let begins = |spelling: &String| form.starts_with(&**spelling);
            let fits = wanted.spellings().iter().any(begins)
                || wanted.is_inside(&form)
                || (slips && wanted.is_slip_of(&form));
            if fits {
                forms.push(form);
            }
        }
        Ok(forms)
    }
}
