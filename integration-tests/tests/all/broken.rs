//! The suite refuses every broken service, by the promise that it breaks.

use std::collections::BTreeSet;

use kadenza_integration_tests::{
    broken::{Fault, WithFault},
    conformance::{self, promises},
};

/// Time is paused: what a service makes the suite wait for costs nothing here.
#[tokio::test(start_paused = true)]
async fn every_broken_service_is_refused_by_the_promise_it_breaks() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let promise: Vec<_> = promises()
            .into_iter()
            .filter(|promise| promise.name == fault.breaks())
            .collect();
        let report = conformance::check_some(&WithFault(*fault), &promise).await;
        match report.broken.first() {
            Some((name, how)) => eprintln!("{fault:?} is refused: {name}: {how:.200}"),
            None => missed.push(format!("{fault:?} passes {}", fault.breaks())),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_promise_has_a_service_that_breaks_it() {
    let broken: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.breaks()).collect();
    let promised: BTreeSet<_> = promises().iter().map(|promise| promise.name).collect();
    assert_eq!(promised, broken);
}
