//! The matrix: which runs there are, and in which order.
//!
//! Configurations are compared with the first policy over all loads and sizes; policies on one node,
//! where nothing but the policy differs; and a node is killed in one more run of each configuration.

use std::{str::FromStr, sync::Arc};

use clap::ValueEnum;
use kadenza_services::cache::Policy;

use crate::{
    questions::Load,
    record::{Configuration, NodeKind, Setup},
};

/// How much a cache has room for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// For so many of a hundred different questions of the load.
    Percent(f64),
    /// For so many answers.
    Entries(usize),
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let wrong =
            || "expected a share of the questions as in 5%, or a number of answers".to_owned();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
            let is_share = percent > 0.0 && percent <= 100.0;
            return is_share.then_some(Size::Percent(percent)).ok_or_else(wrong);
        }
        match text.parse() {
            Ok(entries @ 1..) => Ok(Size::Entries(entries)),
            _ => Err(wrong()),
        }
    }
}

impl Size {
    /// The size as it is shown.
    fn name(self) -> String {
        match self {
            Size::Percent(percent) => format!("{percent}%"),
            Size::Entries(entries) => entries.to_string(),
        }
    }

    /// For how many answers, of a load with so many questions; one at least for each node.
    fn entries(self, questions: usize, nodes: usize) -> usize {
        let entries = match self {
            Size::Percent(percent) => (percent / 100.0 * questions as f64).round() as usize,
            Size::Entries(entries) => entries,
        };
        entries.max(nodes)
    }
}

/// The part of a cache that a size is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SizeIs {
    /// For all nodes of a cache together, so that every configuration has the same memory
    Total,
    /// For each node, so that three nodes have three times the memory of one
    Node,
}

/// When something happens in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Moment {
    Never,
    /// Before this request, the first of which is 0.
    At(usize),
    /// After so many of a hundred requests.
    Percent(f64),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let wrong =
            || "expected the number of a request, a share of them as in 50%, or never".to_owned();
        if text == "never" {
            return Ok(Moment::Never);
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
            let is_share = (0.0..100.0).contains(&percent);
            return is_share
                .then_some(Moment::Percent(percent))
                .ok_or_else(wrong);
        }
        text.parse().map(Moment::At).map_err(|_| wrong())
    }
}

impl Moment {
    /// Before which of so many requests; none if that is never.
    fn request(self, requests: usize) -> Option<usize> {
        let at = match self {
            Moment::Never => None,
            Moment::At(at) => Some(at),
            Moment::Percent(percent) => Some((percent / 100.0 * requests as f64) as usize),
        };
        at.filter(|at| *at < requests)
    }
}

/// The settings that are to be compared.
#[derive(Debug, Clone)]
pub(super) struct Wishes {
    pub(super) configurations: Vec<Configuration>,
    /// The policies; all configurations are compared under the first.
    pub(super) policies: Vec<Policy>,
    pub(super) sizes: Vec<Size>,
    pub(super) size_is: SizeIs,
    pub(super) kind: NodeKind,
    /// How many nodes there are where there are several.
    pub(super) nodes: usize,
    pub(super) kill_at: Moment,
    pub(super) revive_at: Moment,
}

/// One run that is to be made.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) setup: Setup,
    pub(super) load: Arc<Load>,
    /// For how many answers each node has room.
    pub(super) shares: Vec<usize>,
}

impl Wishes {
    /// All runs, over these loads.
    pub(super) fn cells(&self, loads: &[Arc<Load>]) -> Vec<Cell> {
        let mut cells = Vec::new();
        let Some(first) = self.policies.first().copied() else {
            return cells;
        };
        for load in loads {
            if self.configurations.contains(&Configuration::Off) {
                cells.push(self.without_cache(load));
            }
            for size in &self.sizes {
                for configuration in self.cached() {
                    cells.push(self.cell(configuration, first, *size, load));
                }
            }
        }
        for load in loads {
            for size in &self.sizes {
                for policy in &self.policies[1..] {
                    cells.push(self.cell(Configuration::Central, *policy, *size, load));
                }
            }
        }
        // The largest cache loses most.
        let room = |size: &&Size, load: &Load| size.entries(load.questions.len(), 1);
        if let Some(load) = loads.first()
            && let Some(size) = self.sizes.iter().max_by_key(|size| room(size, load))
            && let Some(kill_at) = self.kill_at.request(load.order.len())
        {
            let revive_at = self.revive_at.request(load.order.len());
            for configuration in self.cached() {
                let mut cell = self.cell(configuration, first, *size, load);
                cell.setup.kill_at = Some(kill_at);
                cell.setup.revive_at = revive_at.filter(|revive_at| *revive_at > kill_at);
                cells.push(cell);
            }
        }
        cells
    }

    fn cached(&self) -> impl Iterator<Item = Configuration> {
        let configurations = self.configurations.iter().copied();
        configurations.filter(|configuration| *configuration != Configuration::Off)
    }

    fn without_cache(&self, load: &Arc<Load>) -> Cell {
        Cell {
            setup: Setup {
                configuration: Configuration::Off,
                kind: NodeKind::Embedded,
                nodes: 0,
                policy: Policy::default(),
                entries: 0,
                size: String::new(),
                load: load.name.clone(),
                questions: load.questions.len(),
                kill_at: None,
                revive_at: None,
            },
            load: Arc::clone(load),
            shares: Vec::new(),
        }
    }

    fn cell(
        &self,
        configuration: Configuration,
        policy: Policy,
        size: Size,
        load: &Arc<Load>,
    ) -> Cell {
        let questions = load.questions.len();
        let entries = size.entries(questions, self.nodes);
        let shares = match (configuration, self.size_is) {
            (Configuration::Off, _) => Vec::new(),
            (Configuration::Central, _) => vec![entries],
            (_, SizeIs::Node) => vec![entries; self.nodes],
            (_, SizeIs::Total) => (0..self.nodes)
                .map(|at| entries / self.nodes + usize::from(at < entries % self.nodes))
                .collect(),
        };
        let kind = match policy {
            // Redis has no such policy.
            Policy::S3Fifo => NodeKind::Embedded,
            _ => self.kind,
        };
        Cell {
            setup: Setup {
                configuration,
                kind,
                nodes: shares.len(),
                policy,
                entries: shares.iter().sum(),
                size: size.name(),
                load: load.name.clone(),
                questions,
                kill_at: None,
                revive_at: None,
            },
            load: Arc::clone(load),
            shares,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::{About, Question};

    fn load(name: &str, questions: usize) -> Arc<Load> {
        let question = |number: usize| Question {
            about: About::Words(number.to_string()),
            expected: None,
        };
        Arc::new(Load {
            name: name.to_owned(),
            questions: (0..questions).map(question).collect(),
            order: (0..questions as u32).chain(0..questions as u32).collect(),
            bursts: Vec::new(),
        })
    }

    fn wishes() -> Wishes {
        use Configuration::{Central, Off, Partitioned, Replicated};
        Wishes {
            configurations: vec![Off, Central, Partitioned, Replicated],
            policies: vec![Policy::AllkeysLru, Policy::S3Fifo],
            sizes: vec![Size::Percent(5.0), Size::Entries(70)],
            size_is: SizeIs::Total,
            kind: NodeKind::Redis,
            nodes: 3,
            kill_at: Moment::Percent(50.0),
            revive_at: Moment::At(150),
        }
    }

    #[test]
    fn every_comparison_has_its_runs() {
        let cells = wishes().cells(&[load("a", 100), load("b", 100)]);
        // For each load: none, and three by two sizes; two sizes of the other policy; three killed.
        assert_eq!(cells.len(), 2 * (1 + 3 * 2) + 2 * 2 + 3);
        assert_eq!(cells[0].setup.configuration, Configuration::Off);
        let killed: Vec<&Setup> = cells[18..].iter().map(|cell| &cell.setup).collect();
        for setup in killed {
            assert_eq!((setup.kill_at, setup.revive_at), (Some(100), Some(150)));
            assert_eq!((setup.entries, setup.size.as_str()), (70, "70"));
        }
        assert!(cells[..18].iter().all(|cell| cell.setup.kill_at.is_none()));
        for cell in &cells {
            let is_redis = cell.setup.kind == NodeKind::Redis;
            assert_eq!(is_redis, cell.setup.policy != Policy::S3Fifo);
        }
    }

    #[test]
    fn a_size_is_for_all_nodes_or_for_each() {
        let cell = |size_is, configuration, size| {
            let wishes = Wishes {
                size_is,
                ..wishes()
            };
            let cell = wishes.cell(configuration, Policy::AllkeysLru, size, &load("a", 100));
            (cell.shares, cell.setup.entries)
        };
        let size = Size::Entries(70);
        for configuration in [Configuration::Partitioned, Configuration::Replicated] {
            assert_eq!(
                cell(SizeIs::Total, configuration, size),
                (vec![24, 23, 23], 70)
            );
            assert_eq!(cell(SizeIs::Node, configuration, size), (vec![70; 3], 210));
        }
        for size_is in [SizeIs::Total, SizeIs::Node] {
            assert_eq!(cell(size_is, Configuration::Central, size), (vec![70], 70));
        }
        // No node is without room.
        let tiny = Size::Percent(0.1);
        assert_eq!(
            cell(SizeIs::Total, Configuration::Partitioned, tiny),
            (vec![1; 3], 3)
        );
    }

    #[test]
    fn nothing_is_killed_after_the_end_or_revived_before_it_died() {
        let of = |kill_at, revive_at| {
            let wishes = Wishes {
                kill_at,
                revive_at,
                ..wishes()
            };
            let cells = wishes.cells(&[load("a", 100)]);
            let killed = cells.iter().find(|cell| cell.setup.kill_at.is_some());
            killed.map(|cell| (cell.setup.kill_at, cell.setup.revive_at))
        };
        assert_eq!(of(Moment::Never, Moment::At(3)), None);
        assert_eq!(of(Moment::At(200), Moment::Never), None);
        assert_eq!(of(Moment::At(50), Moment::At(50)), Some((Some(50), None)));
        assert_eq!(
            of(Moment::At(50), Moment::Percent(50.0)),
            Some((Some(50), Some(100)))
        );
    }

    #[test]
    fn sizes_and_moments_are_read_as_they_are_written() {
        assert_eq!("5%".parse(), Ok(Size::Percent(5.0)));
        assert_eq!(
            "0.5%".parse::<Size>().map(Size::name),
            Ok("0.5%".to_owned())
        );
        assert_eq!("500".parse(), Ok(Size::Entries(500)));
        for wrong in ["", "0", "0%", "101%", "nan%", "-5", "many"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
        assert_eq!("never".parse(), Ok(Moment::Never));
        assert_eq!("50%".parse(), Ok(Moment::Percent(50.0)));
        assert_eq!("0".parse(), Ok(Moment::At(0)));
        for wrong in ["", "100%", "-1", "half"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
