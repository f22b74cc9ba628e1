//! What was measured on.

use std::fs;

/// The processor and how many of them, as the system tells it.
pub(super) fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&told, "model name").unwrap_or(std::env::consts::ARCH);
    match cores {
        1 => format!("{model}, one core"),
        cores => format!("{model}, {cores} cores"),
    }
}

/// How much memory there is.
pub(super) fn memory() -> Option<String> {
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
