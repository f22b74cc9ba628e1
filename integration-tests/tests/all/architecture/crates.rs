//! Which crate may know which other, and what must not be compiled for it.

use std::{collections::BTreeSet, fs, process::Command};

use cargo_metadata::{DependencyKind, Metadata, Package};

use super::workspace::{folder_of, metadata, root};

/// The floors, and those below each. Of `views`, the middleware knows the HTTP language alone.
const FLOORS: [(&str, &[&str]); 5] = [
    ("services", &[]),
    ("distributed", &["services"]),
    ("views", &["services"]),
    ("middleware", &["services", "views/api"]),
    (
        "interface",
        &["services", "distributed", "views", "middleware"],
    ),
];

/// What nothing is built from, and what so may depend on anything.
const ABOVE_ALL: [&str; 3] = [
    "integration-tests",
    "integration-tests/fuzz",
    "distributed/simulation",
];

/// Our own crates that a package needs to be built.
fn needs<'a>(package: &'a Package, metadata: &'a Metadata) -> Vec<&'a Package> {
    let ours = metadata.workspace_packages();
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .filter_map(|dependency| {
            ours.iter()
                .copied()
                .find(|other| other.name.as_str() == dependency.name)
        })
        .collect()
}

/// Whether a folder is another one or lies in it.
fn lies_in(folder: &str, other: &str) -> bool {
    let rest = folder.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn no_crate_depends_on_a_floor_above_it() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let folder = folder_of(package, &metadata);
        if ABOVE_ALL.contains(&folder.as_str()) {
            continue;
        }
        let floor = FLOORS.iter().find(|(floor, _)| lies_in(&folder, floor));
        let Some((floor, below)) = floor else {
            panic!("{folder} is on no floor: say in this test what it may depend on")
        };
        for other in needs(package, &metadata) {
            let needed = folder_of(other, &metadata);
            assert!(
                lies_in(&needed, floor) || below.iter().any(|below| lies_in(&needed, below)),
                "{folder} depends on {needed}"
            );
            // The crate that embedders name stands on the others of its floor.
            assert_ne!(needed, *floor, "{folder} depends on its own floor's crate");
        }
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

/// Fails if one of these is compiled for a package built alone.
fn assert_compiled_without(package: &str, flags: &[&str], absent: &[&str]) {
    let compiled = compiled_for(package, flags);
    assert!(compiled.contains(package));
    for name in absent {
        assert!(
            !compiled.contains(*name),
            "{name} is compiled for {package} {flags:?}"
        );
    }
}

/// Crates that only a library on disk needs.
const OF_THE_LIBRARY: [&str; 5] = ["sqlx", "libsqlite3-sys", "lofty", "image", "tokio"];

#[test]
fn the_contract_knows_no_runtime_and_no_database() {
    assert_compiled_without("kadenza-contract", &[], &OF_THE_LIBRARY);
    // The crate that embedders name is the contract alone where no feature is chosen.
    assert_compiled_without(
        "kadenza-services",
        &["--no-default-features"],
        &OF_THE_LIBRARY,
    );
    // The same look finds them where they are.
    let library = compiled_for("kadenza-library", &[]);
    assert!(OF_THE_LIBRARY.iter().all(|heavy| library.contains(*heavy)));
}

#[test]
fn the_protocol_is_compiled_without_a_runtime() {
    assert_compiled_without("kadenza-protocol", &[], &["tokio", "mio", "socket2"]);
    let bans = fs::read_to_string(root().join("distributed/protocol/clippy.toml")).unwrap();
    for banned in ["std::time::Instant::now", "std::time::SystemTime::now"] {
        assert!(bans.contains(banned), "{banned} is not banned");
    }
}

#[test]
fn the_transport_does_not_know_kademlia() {
    assert_compiled_without("kadenza-rpc", &[], &["kadenza-protocol", "kadenza-library"]);
}

#[test]
fn the_http_language_does_no_io() {
    let io = ["tokio", "hyper", "axum", "reqwest"];
    assert_compiled_without("kadenza-api", &[], &io);
}

#[test]
fn the_library_knows_no_network() {
    let network = ["object_store", "hyper", "axum", "reqwest", "tonic", "redis"];
    assert_compiled_without("kadenza-library", &[], &network);
    assert_compiled_without("kadenza-services", &["--features", "library"], &network);
}

#[test]
fn views_and_middleware_compile_no_library() {
    let library = [
        "kadenza-services",
        "kadenza-library",
        "sqlx",
        "libsqlite3-sys",
        "lofty",
        "image",
    ];
    for package in ["kadenza-views", "kadenza-middleware"] {
        assert_compiled_without(package, &[], &library);
        assert!(compiled_for(package, &[]).contains("kadenza-contract"));
    }
    assert_compiled_without("kadenza-middleware", &[], &["axum"]);
}

#[test]
fn stacks_are_built_without_a_command_line_and_a_network() {
    assert_compiled_without("kadenza-stack", &[], &["clap", "kadenza-distributed"]);
}

#[test]
fn the_program_is_built_without_the_layers_that_are_left_out() {
    let absent = [
        "kadenza-distributed",
        "kadenza-views",
        "axum",
        "sqlx",
        "lofty",
    ];
    assert_compiled_without("kadenza-interface", &["--no-default-features"], &absent);
    let server = ["--no-default-features", "--features", "server"];
    let server = compiled_for("kadenza-interface", &server);
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
