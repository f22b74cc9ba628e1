//! The suite over the obvious implementation.

use kadenza_integration_tests::{conformance, memory::InMemory};

#[tokio::test(flavor = "multi_thread")]
async fn a_library_in_memory_keeps_every_promise() {
    let report = conformance::check(&InMemory).await;
    eprintln!("{report}");
    report.expect_whole();
}
