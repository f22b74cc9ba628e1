//! The facts that hold for all runs: the machine, the versions, the settings.

use std::{fs, path::Path};

use kadenza_servers::Redis;

use crate::{
    flags::Evaluate,
    plan::SizeIs,
    record::{Circumstances, NodeKind},
    rig::Rig,
};
use kadenza_terminal::plain;

/// A warning behind the version, for builds without optimisation.
const BUILD: &str = if cfg!(debug_assertions) {
    " (a debug build: times mean little)"
} else {
    ""
};

impl Evaluate {
    /// The facts that are shown on top of the results.
    pub(super) fn circumstances(&self, rig: &Rig, stores: NodeKind) -> Circumstances {
        let mut told = Circumstances::new();
        let mut tell = |what: &str, value: String| {
            told.insert(what.to_owned(), value);
        };
        tell("processor", processor());
        if let Some(memory) = memory() {
            tell("memory", memory);
        }
        tell("kadenza", format!("{}{BUILD}", env!("CARGO_PKG_VERSION")));
        tell("library", rig.description().to_owned());
        tell(
            "cache nodes",
            match stores {
                NodeKind::Embedded => "embedded".to_owned(),
                NodeKind::Redis => Redis::installed().unwrap_or_else(|error| error.to_string()),
            },
        );
        tell(
            "table",
            match &self.table {
                Some(path) => name_of(path),
                None => "made up".to_owned(),
            },
        );
        let clients = self.clients;
        tell(
            "clients",
            format!("{clients}, each waits for its answer before it asks again"),
        );
        tell("searches are remembered for", format!("{} s", self.ttl));
        tell("seed", self.seed.to_string());
        tell(
            "size is for",
            match self.size_is {
                SizeIs::Total => "all nodes of a cache together".to_owned(),
                SizeIs::Node => "each node".to_owned(),
            },
        );
        let words = std::env::args().skip(1);
        let words: Vec<String> = words.map(|word| plain(&word)).collect();
        tell("command", format!("kadenza {}", words.join(" ")));
        told
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    plain(&name.to_string_lossy())
}

/// The processor and how many of them, as the system tells it.
fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&told, "model name").unwrap_or(std::env::consts::ARCH);
    match cores {
        1 => format!("{model}, one core"),
        cores => format!("{model}, {cores} cores"),
    }
}

/// How much memory there is.
fn memory() -> Option<String> {
    let told = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = field(&told, "MemTotal")?.split(' ').next()?.parse().ok()?;
    Some(indicatif::HumanBytes(kib * 1024).to_string())
}

/// The first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU @ 3: fast\nflags : model name\n";
        assert_eq!(field(text, "model name"), Some("A CPU @ 3: fast"));
        assert_eq!(field(text, "none"), None);
        assert!(!processor().is_empty());
    }
}
