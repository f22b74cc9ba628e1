//! Where the programs are.
//!
//! A test program knows the path of the binaries of its own package only; the binary `kadenza` is
//! another's. So it is built here, once per run of the tests, with the same profile and the same
//! features as the tests themselves: where it is up to date, that takes less than a second.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The binary `kadenza`.
#[must_use]
pub fn kadenza() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["--bin", "kadenza"]).join("kadenza"))
}

/// An example of this package.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            build(&[
                "--example",
                "embed",
                "--example",
                "failover",
                "--example",
                "swap",
            ])
        })
        .join("examples")
        .join(name)
}

/// Builds something of the workspace, and says where it is.
fn build(what: &[&str]) -> PathBuf {
    // …/target/debug/deps/all-0123456789abcdef
    let test = std::env::current_exe().expect("a process knows its program");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("tests lie two folders deep")
        .to_owned();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--workspace"])
        .args(what)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if folder.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    // What cargo tells this test of its own package is not for the builds of others: some would take it for a change,
    // and be done again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    let status = cargo
        .status()
        .expect("cargo starts, as it started this test");
    assert!(status.success(), "the workspace does not build");
    folder
}
