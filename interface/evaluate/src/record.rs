//! The measurements of a run, as the rig hands them to the CSV file and the report.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clap::ValueEnum;
use kadenza_services::cache::Policy;

/// A configuration to compare: no cache, or a layout of its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Configuration {
    /// No cache: every question goes to the library
    Off,
    /// One node
    Central,
    /// Several nodes, each with its share of the answers
    Partitioned,
    /// Several nodes, each with all answers: a primary and its replicas
    Replicated,
}

/// The kind of the cache nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum NodeKind {
    /// In memory of the process that serves HTTP
    Embedded,
    /// On Redis servers, each a process
    Redis,
}

impl Configuration {
    /// Its name on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Configuration::Off => "off",
            Configuration::Central => "central",
            Configuration::Partitioned => "partitioned",
            Configuration::Replicated => "replicated",
        }
    }
}

impl NodeKind {
    /// Its name on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            NodeKind::Embedded => "embedded",
            NodeKind::Redis => "redis",
        }
    }
}

/// One cell of the matrix: everything about a run that was chosen before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    pub(crate) configuration: Configuration,
    pub(crate) kind: NodeKind,
    /// How many cache nodes.
    pub(crate) nodes: usize,
    pub(crate) policy: Policy,
    /// How many answers all nodes together have room for.
    pub(crate) entries: usize,
    /// The size as it was asked for and is shown: `5%`. Runs are compared where it is the same, though
    /// their entries differ when it is meant for each node. Empty without a cache.
    pub(crate) size: String,
    /// The load, as it is shown: `zipf 0.80`.
    pub(crate) load: String,
    /// How many different questions the load asks.
    pub(crate) questions: usize,
    /// Before which request a cache node is killed (the primary, or the first).
    pub(crate) kill_at: Option<usize>,
    /// Before which request it is started again, empty.
    pub(crate) revive_at: Option<usize>,
}

/// A run: one load through one stack.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) setup: Setup,
    /// One for each request, in the order of the load.
    pub(crate) answers: Vec<Answer>,
    /// For each request, whether a cache of as many entries that knows the future would have had its
    /// answer (Belady, "A study of replacement algorithms", 1966).
    pub(crate) optimum: Vec<bool>,
    /// How long the run took.
    pub(crate) took: Duration,
}

/// The measurements of one request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Which question it was: 0 to `questions` − 1.
    pub(crate) question: u32,
    /// When it was sent, since the run began, in microseconds.
    pub(crate) sent_us: u64,
    /// How long until all of the answer was there, in microseconds, as the client saw it.
    pub(crate) took_us: u32,
    /// How long the layers below the cache took, by `Server-Timing`; 0 for a hit.
    pub(crate) below_us: u32,
    pub(crate) result: RequestResult,
    /// The cache node, by `Cache-Status`, if one is named there.
    pub(crate) node: Option<Arc<str>>,
}

/// The result of one request, by `Cache-Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RequestResult {
    Hit,
    Miss,
    /// The same question was under way below already, and its answer did for both.
    Collapsed,
    /// The cache could not be asked, or there is none.
    Bypass,
    /// No answer, or a wrong one.
    Failed,
}

/// Facts that hold for all runs: machine, versions, table, library, seed. They are shown in the report.
pub(crate) type Circumstances = BTreeMap<String, String>;
