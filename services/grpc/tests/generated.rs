//! The Rust of the .proto file is kept beside it, so that a build needs no generator. This test
//! generates it again and compares. After a change of the description, write it anew with
//! `KADENZA_GENERATE=1 cargo test -p kadenza-grpc --test generated`.

use std::{env, fs, path::Path};

#[test]
fn the_generated_code_is_that_of_the_description() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = protox::Compiler::new([root.join("proto")]).unwrap();
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file("kadenza/v1/music.proto")
        .unwrap_or_else(|wrong| panic!("music.proto: {wrong}"));
    let scratch = tempfile::tempdir().unwrap();
    // The description itself, which reflection gives to clients.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(scratch.path().join("music.bin"), descriptors).unwrap();
    tonic_prost_build::configure()
        .out_dir(scratch.path())
        .bytes(".kadenza.v1")
        .build_transport(false)
        .compile_fds(compiler.file_descriptor_set())
        .unwrap();

    let kept = root.join("src/generated");
    for name in ["kadenza.v1.rs", "music.bin"] {
        let generated = fs::read(scratch.path().join(name)).unwrap();
        if env::var_os("KADENZA_GENERATE").is_some() {
            fs::write(kept.join(name), &generated).unwrap();
        }
        let kept = fs::read(kept.join(name)).unwrap_or_default();
        assert!(
            kept == generated,
            "src/generated/{name} is not what music.proto says: run \
             `KADENZA_GENERATE=1 cargo test -p kadenza-grpc --test generated`"
        );
    }
}
