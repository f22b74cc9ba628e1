//! Groups of runs by their load.

use super::super::groups::Group;
use crate::record::Setup;

/// Groups with the same key, in the order in which they came.
pub(super) fn of_load<'a, K: PartialEq>(
    groups: &'a [Group<'a>],
    key: impl Fn(&Setup) -> K,
) -> Vec<Vec<&'a Group<'a>>> {
    let mut loads: Vec<(K, Vec<&Group<'_>>)> = Vec::new();
    for group in groups {
        let its = key(group.setup);
        match loads.iter_mut().find(|(other, _)| *other == its) {
            Some((_, groups)) => groups.push(group),
            None => loads.push((its, vec![group])),
        }
    }
    loads.into_iter().map(|(_, groups)| groups).collect()
}
