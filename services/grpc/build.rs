//! Makes the Rust of the .proto file. No `protoc` is needed.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"]).expect("the folder is there");
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file("kadenza/v1/music.proto")
        .unwrap_or_else(|wrong| panic!("music.proto: {wrong}"));
    let out = env::var_os("OUT_DIR").expect("cargo says where to write");
    // The description that the reflection service gives.
    fs::write(
        PathBuf::from(out).join("music.bin"),
        compiler.encode_file_descriptor_set(),
    )
    .expect("the folder of the build can be written");
    tonic_prost_build::configure()
        .bytes(".kadenza.v1")
        .build_transport(false)
        .compile_fds(compiler.file_descriptor_set())
        .expect("a valid description becomes Rust");
}
