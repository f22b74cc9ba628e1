//! The names of things on the page.

use crate::record::{Configuration, NodeKind, Setup};

/// The configuration, in a word or two.
pub(super) fn configuration(configuration: Configuration) -> &'static str {
    match configuration {
        Configuration::Off => "no cache",
        Configuration::Central => "central",
        Configuration::Partitioned => "partitioned",
        Configuration::Replicated => "replicated",
    }
}

/// The kind and number of the nodes.
pub(super) fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Embedded => "embedded",
        NodeKind::Redis => "Redis",
    }
}

/// The nodes: `3 × Redis`.
pub(super) fn nodes(setup: &Setup) -> String {
    if setup.configuration == Configuration::Off {
        return "none".to_owned();
    }
    format!("{} × {}", setup.nodes, kind(setup.kind))
}

/// The policy; none without a cache.
pub(super) fn policy(setup: &Setup) -> &'static str {
    if setup.configuration == Configuration::Off {
        "none"
    } else {
        setup.policy.name()
    }
}

/// When a node was killed and started again: `at 2,000, back at 3,500`.
pub(super) fn kill(setup: &Setup) -> String {
    use super::numbers::count;
    match (setup.kill_at, setup.revive_at) {
        (None, _) => "no".to_owned(),
        (Some(kill), None) => format!("at {}", count(kill)),
        (Some(kill), Some(revive)) => format!("at {}, back at {}", count(kill), count(revive)),
    }
}
