//! Readers that are no use: what they are asked for is refused, and nothing waits for them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_audio::{Intake, IntakeConfig, ReaderProgram};
use kadenza_contract::{Error, NewSong, Stated};

fn script(script: &str) -> ReaderProgram {
    ReaderProgram {
        path: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
    }
}

async fn refusal(reader: ReaderProgram) -> Error {
    let scratch = tempfile::tempdir().unwrap();
    let config = IntakeConfig {
        reader: Some(reader),
        tag_deadline: Duration::from_millis(300),
        ..IntakeConfig::default()
    };
    let intake = Intake::open(scratch.path(), config).await.unwrap();
    let new = NewSong {
        stated: Stated::default(),
        audio: stream::iter([Ok(Bytes::from_static(b"RIFF"))]).boxed(),
    };
    intake.take(new).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_dies_hangs_or_talks_nonsense_is_ended() {
    let nothing_found = r"printf '\006\004\0\0\0null'";
    let too_long = r"printf '\006\377\377\377\377'";
    let asks_too_much = r"printf '\004\014\0\0\0\0\0\0\0\0\0\0\0\377\377\377\377'";
    for reader in [
        "exit 1",
        "exec sleep 1000",
        "exec cat",
        "exec yes",
        "cat > /dev/null; exec sleep 1000",
        nothing_found,
        too_long,
        asks_too_much,
    ] {
        match refusal(script(reader)).await {
            Error::NotAudio { what } => assert!(what.contains("bounds"), "{reader}: {what}"),
            other => panic!("{reader}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_cannot_be_started_is_no_fault_of_the_file() {
    let reader = ReaderProgram {
        path: "/there/is/no/such/program".into(),
        args: Vec::new(),
    };
    let refusal = refusal(reader).await;
    assert!(matches!(refusal, Error::Storage { .. }), "{refusal:?}");
}
