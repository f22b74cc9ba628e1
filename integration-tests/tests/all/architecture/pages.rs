//! The tree is as the documents say.

use std::{collections::BTreeSet, fs, path::Path};

use super::workspace::{files_below, folder_of, metadata, root, sources};

/// How many bytes the page of the architecture may have.
const PAGE_BYTES_MAX: usize = 8 << 10;
/// How many nouns its glossary may have.
const NOUNS_MAX: usize = 40;

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_architecture_page_is_short() {
    let page = architecture();
    assert!(page.len() <= PAGE_BYTES_MAX, "{} bytes", page.len());

    let (_, glossary) = page.split_once("\n## Glossary\n").unwrap();
    let glossary = glossary.split("\n## ").next().unwrap();
    let nouns: Vec<&str> = glossary
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("**: "))
        .map(|(noun, _)| noun)
        .collect();
    assert!(nouns.len() >= 10, "the glossary has no nouns: {nouns:?}");
    assert!(nouns.len() <= NOUNS_MAX, "{} nouns", nouns.len());
    let different: BTreeSet<&str> = nouns.iter().copied().collect();
    assert_eq!(different.len(), nouns.len(), "a noun stands twice");
}

#[test]
fn the_architecture_page_names_every_crate() {
    let page = architecture();
    let (_, section) = page.split_once("\n## The crates\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: BTreeSet<String> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            quoted(line)
                .take(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .join(" in ")
        })
        .collect();
    let metadata = metadata();
    let crates: BTreeSet<String> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| format!("{} in {}", package.name, folder_of(package, &metadata)))
        .collect();
    assert_eq!(rows, crates);
}

/// Whether a text defines a name: as an item of Rust, by its word and the name.
fn defines(source: &str, name: &str) -> bool {
    ["fn", "struct", "enum", "trait", "type", "const"]
        .into_iter()
        .any(|kind| {
            let definition = format!("{kind} {name}");
            source.match_indices(&definition).any(|(at, found)| {
                let after = source[at + found.len()..].chars().next();
                !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        })
}

#[test]
fn what_holds_an_invariant_exists() {
    let page = fs::read_to_string(root().join("docs/INVARIANTS.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with('|')).skip(2);
    let rows: Vec<&str> = rows.collect();
    assert!(
        rows.len() >= 10,
        "a table of invariants is missing from docs/INVARIANTS.md"
    );

    let sources = sources();
    let settings: String = ["Cargo.toml", "clippy.toml", "deny.toml"]
        .map(|file| fs::read_to_string(root().join(file)).unwrap())
        .concat();
    let exists = |name: &str| {
        let last = name.rsplit("::").next().unwrap_or(name);
        sources.iter().any(|(_, source)| defines(source, last)) || settings.contains(last)
    };
    let mut absent = Vec::new();
    for row in rows {
        let held_by = row.trim().trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = quoted(held_by).collect();
        assert!(!names.is_empty(), "nothing is named that holds: {row}");
        absent.extend(names.into_iter().filter(|name| !exists(name)));
    }
    assert!(
        absent.is_empty(),
        "docs/INVARIANTS.md names what does not exist: {absent:#?}"
    );
}

#[test]
fn what_security_rests_on_exists() {
    let sources = sources();
    for (path, tests_min) in [
        ("SECURITY.md", 40),
        ("docs/ASVS.md", 120),
        ("docs/THREATS.md", 100),
    ] {
        let page = fs::read_to_string(root().join(path)).unwrap();
        let tests = quoted(&page).filter(|name| name.matches('_').count() > 2);
        let tests: BTreeSet<&str> = tests.collect();
        assert!(tests.len() >= tests_min, "{path} names too few tests");
        for name in tests {
            let exists = sources.iter().any(|(_, source)| defines(source, name));
            assert!(exists, "{path} names what does not exist: {name}");
        }
    }
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "SECURITY.md",
    ]
    .map(|name| root().join(name))
    .to_vec();
    let is_page = |path: &Path| path.extension().is_some_and(|ending| ending == "md");
    pages.extend(
        files_below(&root().join("docs"))
            .into_iter()
            .filter(|path| is_page(path)),
    );
    for path in pages {
        let page = fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let elsewhere = target.is_empty() || target.contains("://");
            assert!(
                elsewhere || path.parent().unwrap().join(target).exists(),
                "{} links to {target}",
                path.display()
            );
        }
    }
}
