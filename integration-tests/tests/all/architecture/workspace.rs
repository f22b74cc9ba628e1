//! The workspace, as Cargo and the file system show it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The root of the workspace.
pub(super) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The packages of the workspace and their dependencies, from Cargo.
pub(super) fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command
        .current_dir(root())
        .other_options(["--locked".to_owned()]);
    command.exec().unwrap()
}

/// The folder of a package, relative to the root of the workspace.
pub(super) fn folder_of(package: &Package, metadata: &Metadata) -> String {
    let folder = package.manifest_path.parent().unwrap();
    let folder = folder.strip_prefix(&metadata.workspace_root).unwrap();
    folder.as_str().to_owned()
}

/// All files below a folder, without those that a build makes.
pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !path.is_dir() {
            files.push(path);
        } else if name != "target" && !name.starts_with('.') {
            files.extend(files_below(&path));
        }
    }
    files
}

/// All files of our crates.
pub(super) fn files() -> Vec<PathBuf> {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let folders = packages.iter().map(|package| folder_of(package, &metadata));
    // A crate in the folder of another one is found there.
    let mut floors: Vec<String> = folders
        .map(|folder| folder.split('/').next().unwrap().to_owned())
        .collect();
    floors.sort();
    floors.dedup();
    let files = floors.iter().map(|floor| files_below(&root().join(floor)));
    files.flatten().collect()
}

/// All Rust sources of our crates, each with its text.
pub(super) fn sources() -> Vec<(PathBuf, String)> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}
