//! What ARCHITECTURE.md and deny.toml say of the crates is so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command
        .current_dir(root())
        .other_options(["--locked".to_owned()]);
    command.exec().unwrap()
}

fn package<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    let mut packages = metadata.packages.iter();
    packages
        .find(|package| package.name.as_str() == name)
        .unwrap()
}

/// Our own crates on which a package depends, and whether it can do without.
fn floors_below(package: &Package) -> BTreeMap<&str, bool> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .filter(|dependency| dependency.name.starts_with("kadenza-"))
        .map(|dependency| (dependency.name.as_str(), dependency.optional))
        .collect()
}

#[test]
fn no_crate_depends_on_a_floor_above_it() {
    let metadata = metadata();
    let language: &[(&str, bool)] = &[
        ("kadenza-api", false),
        ("kadenza-contract", false),
        ("kadenza-notes", false),
    ];
    let allowed: [(&str, &[(&str, bool)]); 8] = [
        ("kadenza-contract", &[]),
        ("kadenza-notes", &[]),
        (
            "kadenza-services",
            &[("kadenza-contract", false), ("kadenza-notes", true)],
        ),
        ("kadenza-distributed", &[("kadenza-services", false)]),
        ("kadenza-api", &[("kadenza-contract", false)]),
        ("kadenza-views", language),
        ("kadenza-middleware", language),
        (
            "kadenza-interface",
            &[
                ("kadenza-distributed", true),
                ("kadenza-middleware", false),
                ("kadenza-services", false),
                ("kadenza-views", true),
            ],
        ),
    ];
    for (name, floors) in allowed {
        let floors: BTreeMap<&str, bool> = floors.iter().copied().collect();
        assert_eq!(floors_below(package(&metadata, name)), floors, "of {name}");
    }
    let known: BTreeSet<&str> = allowed.iter().map(|(name, _)| *name).collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        assert!(
            known.contains(name) || name == "kadenza-integration-tests",
            "{name} has no floor yet: say here what it may depend on"
        );
    }
}

/// The names of all that is compiled for a package built alone.
fn compiled_for(package: &str, flags: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}",
        ])
        .args(["--package", package])
        .args(flags)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.lines()
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect()
}

/// What only the library on disk needs.
const OF_THE_LIBRARY: [&str; 5] = ["sqlx", "libsqlite3-sys", "lofty", "image", "tokio"];

#[test]
fn the_vocabulary_knows_no_database_no_audio_format_and_no_runtime() {
    let compiled = compiled_for("kadenza-services", &["--no-default-features"]);
    for heavy in OF_THE_LIBRARY {
        assert!(
            !compiled.contains(heavy),
            "{heavy} is compiled for the vocabulary"
        );
    }
    // The same look finds them where they are.
    let library = compiled_for("kadenza-services", &["--features", "library"]);
    assert!(OF_THE_LIBRARY.iter().all(|heavy| library.contains(*heavy)));
}

#[test]
fn the_middleware_compiles_the_vocabulary_alone() {
    let compiled = compiled_for("kadenza-middleware", &[]);
    assert!(compiled.contains("kadenza-contract"));
    for heavy in [
        "kadenza-services",
        "sqlx",
        "libsqlite3-sys",
        "lofty",
        "image",
        "axum",
    ] {
        assert!(
            !compiled.contains(heavy),
            "{heavy} is compiled for the middleware"
        );
    }
}

#[test]
fn the_http_language_does_no_io() {
    let compiled = compiled_for("kadenza-api", &[]);
    assert!(compiled.contains("http"));
    for io in ["tokio", "hyper", "axum", "reqwest"] {
        assert!(!compiled.contains(io), "{io} is compiled for the language");
    }
}

#[test]
fn services_know_no_network() {
    let compiled = compiled_for("kadenza-services", &["--features", "library"]);
    for network in ["hyper", "axum", "reqwest", "tonic", "redis"] {
        assert!(
            !compiled.contains(network),
            "{network} is compiled for services"
        );
    }
}

#[test]
fn the_program_is_built_without_the_layers_that_are_left_out() {
    let plain = compiled_for("kadenza-interface", &["--no-default-features"]);
    let server = ["--no-default-features", "--features", "server"];
    let server = compiled_for("kadenza-interface", &server);
    for absent in [
        "kadenza-distributed",
        "kadenza-views",
        "axum",
        "sqlx",
        "lofty",
    ] {
        assert!(
            !plain.contains(absent),
            "{absent} is compiled for a client alone"
        );
    }
    assert!(server.contains("kadenza-views") && !server.contains("kadenza-distributed"));
}

#[test]
fn every_dependency_has_a_licence_and_a_source_that_are_allowed() {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let deny: toml::Table = deny.parse().unwrap();
    let allowed: BTreeSet<&str> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| licence.as_str().unwrap())
        .collect();
    for package in metadata().packages {
        let name = package.name.as_str();
        if let Some(source) = &package.source {
            assert!(source.is_crates_io(), "{name} comes from {source}");
        }
        let licence = package.license.unwrap_or_default().replace('/', " OR ");
        // Of each part of an AND, one of the alternatives must be allowed.
        let held = licence.split(" AND ").all(|part| {
            let part = part.trim().trim_matches(['(', ')']);
            part.split(" OR ")
                .any(|licence| allowed.contains(licence.trim()))
        });
        assert!(
            held,
            "{name} is under {licence:?}, which deny.toml does not allow"
        );
    }
}

/// All sources of the workspace, as one text.
fn sources() -> String {
    let mut text = String::new();
    for package in metadata().workspace_packages() {
        let folder = PathBuf::from(package.manifest_path.parent().unwrap());
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    text.push_str(&fs::read_to_string(&path).unwrap());
                }
            }
        }
    }
    text
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn what_holds_an_invariant_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = page.split_once("## Invariants").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let rows: Vec<&str> = rows.collect();
    assert!(
        rows.len() >= 10,
        "a table of invariants is missing from ARCHITECTURE.md"
    );

    let sources = sources();
    let settings: String = ["Cargo.toml", "clippy.toml", "deny.toml"]
        .map(|file| fs::read_to_string(root().join(file)).unwrap())
        .concat();
    let exists = |name: &str| {
        let last = name.rsplit("::").next().unwrap_or(name);
        let defined = |kind: &str| {
            sources
                .match_indices(&format!("{kind} {last}"))
                .any(|(at, found)| {
                    let after = sources[at + found.len()..].chars().next();
                    !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
                })
        };
        ["fn", "struct", "enum", "trait", "type", "const"]
            .into_iter()
            .any(defined)
            || settings.contains(last)
    };
    for row in rows {
        let held_by = row.trim().trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = quoted(held_by).collect();
        assert!(!names.is_empty(), "nothing is named that holds: {row}");
        for name in names {
            assert!(
                exists(name),
                "`{name}` does not exist, and should hold: {row}"
            );
        }
    }
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let page = fs::read_to_string(root().join(name)).unwrap();
        for link in page.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let elsewhere = target.is_empty() || target.contains("://");
            assert!(
                elsewhere || root().join(target).exists(),
                "{name} links to {target}"
            );
        }
    }
}
