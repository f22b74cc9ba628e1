//! Groups of runs that are compared: they differ in one setting alone.

use super::{names, summary::Summary};
use crate::record::{Configuration, NodeKind, Setup};
use kadenza_services::cache::Policy;

/// Runs with labels. They differ in the setting that is the label, and in no other.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// The setup that they have in common.
    pub(super) setup: &'a Setup,
    pub(super) runs: Vec<(String, &'a Summary)>,
    /// The same load without a cache.
    pub(super) bare: Option<&'a Summary>,
}

/// A run in which a node died, and the same without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Killed<'a> {
    pub(super) run: &'a Summary,
    pub(super) whole: Option<&'a Summary>,
}

impl Group<'_> {
    /// The size that all have, and whether each node has it: then entries differ with the nodes.
    pub(super) fn size(&self) -> String {
        let size = &self.setup.size;
        let entries = self.setup.entries;
        match self
            .runs
            .iter()
            .any(|(_, run)| run.setup.entries != entries)
        {
            true => format!("{size} on each node"),
            false => size.clone(),
        }
    }

    /// The load and the size: `zipf 0.80, 5%`.
    pub(super) fn name(&self) -> String {
        let parts = [self.setup.load.clone(), self.size()];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(", ")
    }
}

fn is_off(run: &Summary) -> bool {
    run.setup.configuration == Configuration::Off
}

fn is_whole(run: &&Summary) -> bool {
    run.setup.kill_at.is_none()
}

/// Configurations of the same load, size, policy and kind of nodes. Groups of one count only where
/// there is nothing else: they are what policies are compared by.
pub(super) fn configurations(runs: &[Summary]) -> Vec<Group<'_>> {
    type Key<'a> = (&'a str, &'a str, Policy, NodeKind);
    fn key(setup: &Setup) -> Key<'_> {
        (&setup.load, &setup.size, setup.policy, setup.kind)
    }
    let cached = runs.iter().filter(is_whole).filter(|run| !is_off(run));
    let mut groups = gathered(cached, key);
    if groups.iter().any(|group| group.len() > 1) {
        groups.retain(|group| group.len() > 1);
    }
    if groups.is_empty() {
        // Only a library without a cache was measured: its times are worth a plot.
        let bare = runs.iter().filter(is_whole).filter(|run| is_off(run));
        groups = gathered(bare, key);
    }
    let groups = groups.into_iter().map(|group| Group {
        setup: &group[0].setup,
        bare: bare(runs, group[0]),
        runs: labelled(group, |setup| {
            names::configuration(setup.configuration).to_owned()
        }),
    });
    groups.collect()
}

/// Policies of the same load, size and configuration, sizes one after the other.
pub(super) fn policies(runs: &[Summary]) -> Vec<Group<'_>> {
    let cached = runs.iter().filter(is_whole).filter(|run| !is_off(run));
    let mut groups = gathered(cached, |setup| {
        (
            setup.load.as_str(),
            setup.configuration,
            setup.nodes,
            setup.size.as_str(),
        )
    });
    groups.retain(|group| {
        group
            .iter()
            .any(|run| run.setup.policy != group[0].setup.policy)
    });
    let groups = groups.into_iter().map(|group| Group {
        setup: &group[0].setup,
        bare: bare(runs, group[0]),
        runs: {
            // Nodes of another kind than the first's are named.
            let kind = group[0].setup.kind;
            labelled(group, |setup| match setup.kind == kind {
                true => setup.policy.name().to_owned(),
                false => format!("{} ({})", setup.policy, names::kind(setup.kind)),
            })
        },
    });
    groups.collect()
}

/// Runs in which a node died, those of the same load and size together.
pub(super) fn failovers(runs: &[Summary]) -> Vec<(Group<'_>, Vec<Killed<'_>>)> {
    let killed = runs.iter().filter(|run| !is_whole(run));
    let groups = gathered(killed, |setup| {
        (
            setup.load.as_str(),
            setup.size.as_str(),
            setup.policy,
            setup.kind,
            setup.kill_at,
            setup.revive_at,
        )
    });
    let groups = groups.into_iter().map(|group| {
        let killed = group.iter().map(|run| Killed {
            run,
            whole: without_kill(runs, run),
        });
        let killed = killed.collect();
        let group = Group {
            setup: &group[0].setup,
            bare: bare(runs, group[0]),
            runs: labelled(group, |setup| {
                names::configuration(setup.configuration).to_owned()
            }),
        };
        (group, killed)
    });
    groups.collect()
}

fn without_kill<'a>(runs: &'a [Summary], killed: &Summary) -> Option<&'a Summary> {
    let wanted = Setup {
        kill_at: None,
        revive_at: None,
        ..killed.setup.clone()
    };
    runs.iter()
        .find(|run| run.setup == wanted && run.counts.requests == killed.counts.requests)
}

fn bare<'a>(runs: &'a [Summary], of: &Summary) -> Option<&'a Summary> {
    runs.iter()
        .find(|run| is_off(run) && run.setup.load == of.setup.load && !is_off(of))
}

/// Runs with the same key, in the order in which they came.
fn gathered<'a, K: PartialEq>(
    runs: impl Iterator<Item = &'a Summary>,
    key: impl Fn(&'a Setup) -> K,
) -> Vec<Vec<&'a Summary>> {
    let mut groups: Vec<(K, Vec<&Summary>)> = Vec::new();
    for run in runs {
        let its = key(&run.setup);
        match groups.iter_mut().find(|(other, _)| *other == its) {
            Some((_, group)) => group.push(run),
            None => groups.push((its, vec![run])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Labels that tell the runs of a group apart: the nodes are named where the plain name is not enough,
/// and repeats are numbered.
fn labelled(group: Vec<&Summary>, plain: impl Fn(&Setup) -> String) -> Vec<(String, &Summary)> {
    let is_shared = |setup: &Setup| {
        let same = group.iter().filter(|run| plain(&run.setup) == plain(setup));
        let mut nodes: Vec<String> = same.map(|run| names::nodes(&run.setup)).collect();
        nodes.dedup();
        nodes.len() > 1
    };
    let named: Vec<String> = group
        .iter()
        .map(|run| match is_shared(&run.setup) {
            true => format!("{} ({})", plain(&run.setup), names::nodes(&run.setup)),
            false => plain(&run.setup),
        })
        .collect();
    let numbered = named.iter().enumerate().map(|(at, name)| {
        match named[..at].iter().filter(|other| *other == name).count() {
            0 => name.clone(),
            before => format!("{name} #{}", before + 1),
        }
    });
    numbered.zip(group).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::samples::{Load, central, killed, stood},
        *,
    };

    fn summaries(setups: &[Setup]) -> Vec<Summary> {
        let load = Load::zipf(100);
        setups.iter().map(|s| Summary::of(&load.run(s))).collect()
    }

    fn labels(group: &Group<'_>) -> Vec<String> {
        group.runs.iter().map(|(label, _)| label.clone()).collect()
    }

    #[test]
    fn runs_are_compared_that_differ_in_one_thing() {
        let lru = Setup {
            policy: Policy::AllkeysLru,
            ..central("5%", 50)
        };
        let runs = summaries(&[
            stood(Configuration::Off, central("5%", 50)),
            central("5%", 50),
            stood(Configuration::Partitioned, central("5%", 50)),
            central("20%", 200),
            stood(Configuration::Replicated, central("20%", 600)),
            lru,
            killed(stood(Configuration::Partitioned, central("5%", 50)), 30, 60),
        ]);
        let groups = configurations(&runs);
        let all: Vec<Vec<String>> = groups.iter().map(labels).collect();
        assert_eq!(all, [["central", "partitioned"], ["central", "replicated"]]);
        assert!(groups.iter().all(|group| group.bare.is_some()));
        let groups = policies(&runs);
        let all: Vec<Vec<String>> = groups.iter().map(labels).collect();
        assert_eq!(all, [["s3-fifo", "allkeys-lru"]]);
        let groups = failovers(&runs);
        let [(group, killed)] = &groups[..] else {
            panic!("{groups:?}")
        };
        assert_eq!(labels(group), ["partitioned"]);
        assert!(std::ptr::eq(killed[0].whole.unwrap(), &raw const runs[2]));
    }

    #[test]
    fn labels_tell_runs_apart() {
        let redis = Setup {
            kind: NodeKind::Redis,
            policy: Policy::AllkeysLru,
            ..central("5%", 50)
        };
        let lru = Setup {
            kind: NodeKind::Embedded,
            ..redis.clone()
        };
        let runs = summaries(&[central("5%", 50), redis, lru.clone(), lru]);
        assert_eq!(
            labels(&policies(&runs)[0]),
            [
                "s3-fifo",
                "allkeys-lru (Redis)",
                "allkeys-lru",
                "allkeys-lru #2"
            ]
        );
    }

    #[test]
    fn nodes_are_named_where_their_number_differs() {
        let two = Setup {
            nodes: 2,
            ..stood(Configuration::Partitioned, central("5%", 50))
        };
        let three = Setup {
            nodes: 3,
            entries: 75,
            ..two.clone()
        };
        let runs = summaries(&[central("5%", 50), two, three]);
        let groups = configurations(&runs);
        assert_eq!(
            labels(&groups[0]),
            [
                "central",
                "partitioned (2 × embedded)",
                "partitioned (3 × embedded)"
            ]
        );
        assert_eq!(groups[0].name(), "zipf 0.80, 5% on each node");
    }

    #[test]
    fn of_one_configuration_there_is_a_plot_too() {
        let runs = summaries(&[central("5%", 50)]);
        assert_eq!(configurations(&runs).len(), 1);
        let runs = summaries(&[stood(Configuration::Off, central("5%", 50))]);
        let groups = configurations(&runs);
        assert_eq!(labels(&groups[0]), ["no cache"]);
        assert!(groups[0].bare.is_none());
        assert!(configurations(&[]).is_empty());
    }
}
