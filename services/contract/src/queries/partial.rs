//! What is said of a page that may lack something.

use serde::{Deserialize, Deserializer, Serialize};

/// The most names; where there are more machines, the last one counts the rest.
const NAMES_MAX: usize = 8;
/// The most bytes of a name, which may come from a stranger.
const NAME_BYTES_MAX: usize = 256;

/// A page may lack something, because machines that may know more did not answer.
///
/// A machine is named by the address at which the others reach it, as in a refused upload and in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    #[serde(deserialize_with = "bounded")]
    missing: Vec<String>,
}

impl Partial {
    /// The answers of these machines are missing.
    pub fn new(missing: impl IntoIterator<Item = String>) -> Partial {
        let mut names: Vec<String> = Vec::new();
        for mut name in missing {
            while name.len() > NAME_BYTES_MAX {
                name.pop();
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > NAMES_MAX {
            let more = names.len() - (NAMES_MAX - 1);
            names.truncate(NAMES_MAX - 1);
            names.push(format!("{more} more"));
        }
        Partial { missing: names }
    }

    /// The machines whose answers are missing; empty where nobody knows them by name.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What is said of two pages together, each of which may be whole.
    #[must_use]
    pub fn of_both(one: Option<Partial>, other: Option<Partial>) -> Option<Partial> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Partial::new(one.missing.into_iter().chain(other.missing)))
            }
            (one, other) => one.or(other),
        }
    }
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Partial::new(Vec::deserialize(deserializer)?).missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_machines_are_counted_and_few_are_named() {
        let names = |count: usize| (0..count).map(|n| format!("10.0.0.{n}:4534"));
        let told = Partial::new(names(NAMES_MAX).chain(names(3)));
        assert_eq!(told.missing(), names(NAMES_MAX).collect::<Vec<_>>());
        let told = Partial::new(names(20));
        assert_eq!(told.missing().len(), NAMES_MAX);
        assert_eq!(told.missing().last().unwrap(), "13 more");
        // Passed on, it says the same.
        assert_eq!(Partial::new(told.missing().to_vec()), told);
    }

    #[test]
    fn what_comes_from_a_stranger_is_bounded() {
        let hostile = serde_json::json!({ "missing": vec!["é".repeat(1000); 3] });
        let told: Partial = serde_json::from_value(hostile).unwrap();
        assert_eq!(told.missing().len(), 1);
        assert_eq!(told.missing()[0].len(), NAME_BYTES_MAX);
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let told: Partial = serde_json::from_value(serde_json::json!({ "missing": many })).unwrap();
        assert_eq!(told.missing().len(), NAMES_MAX);
    }
}
