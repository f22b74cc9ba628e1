//! Bounds that keep the tree easy to read. `docs/count-structure` counts the rest.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::workspace::{files, files_below, metadata, root, sources};

/// How many cargo features there may be, beside `default`.
const FEATURES_MAX: usize = 8;
/// How many files may lie side by side in a folder.
const FILES_MAX: usize = 15;
/// How many characters the name of a test may have.
const TEST_NAME_MAX: usize = 60;

/// All cargo features of our crates beside `default`, as the package and the feature.
fn features() -> Vec<(String, String)> {
    let mut features = Vec::new();
    for package in metadata().workspace_packages() {
        let names = package.features.keys().filter(|name| *name != "default");
        features.extend(names.map(|name| (package.name.to_string(), name.clone())));
    }
    features
}

#[test]
fn features_are_few() {
    let features = features();
    assert!(
        features.len() <= FEATURES_MAX,
        "{} features: {features:?}",
        features.len()
    );
}

#[test]
fn each_feature_is_built_alone() {
    let checks = fs::read_to_string(root().join(".ci/checks")).unwrap();
    for (package, feature) in features() {
        let alone = format!("alone -p {package} --features {feature}");
        let is_built = checks.lines().any(|line| line == alone);
        assert!(
            is_built,
            ".ci/checks does not build {package}/{feature} alone"
        );
    }
}

#[test]
fn folders_are_small() {
    let mut side_by_side: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let documents = files_below(&root().join("docs"));
    for path in files().into_iter().chain(documents) {
        *side_by_side
            .entry(path.parent().unwrap().to_owned())
            .or_default() += 1;
    }
    side_by_side.retain(|_, files| *files > FILES_MAX);
    assert!(side_by_side.is_empty(), "{side_by_side:#?}");
}

/// The names of the tests in a source.
fn tests_of(source: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if is_test && let Some((_, after)) = line.split_once("fn ") {
            let name = after.split(|c: char| c != '_' && !c.is_alphanumeric());
            names.extend(name.take(1));
            is_test = false;
        }
    }
    names
}

#[test]
fn names_of_tests_are_short() {
    let sources = sources();
    let names: Vec<&str> = sources
        .iter()
        .flat_map(|(_, source)| tests_of(source))
        .collect();
    assert!(names.contains(&"names_of_tests_are_short"));
    let long: Vec<&str> = names
        .into_iter()
        .filter(|name| name.chars().count() > TEST_NAME_MAX)
        .collect();
    assert!(long.is_empty(), "{} are too long: {long:#?}", long.len());
}
