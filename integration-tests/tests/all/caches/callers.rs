//! Who asks through a cache: it hands the credential on, and remembers for all.

use std::sync::{Arc, atomic::Ordering};

use kadenza_contract::{Credential, Error, MusicService, MusicServiceExt, Query, Stated};
use kadenza_integration_tests::{
    conformance::key, fixtures::AudioFile, memory::Memory, stacks::Door,
};
use kadenza_notes::CacheOutcome;
use kadenza_services::cache::Policy;
use tokio::sync::Semaphore;

use super::{embedded, outcome_of, over};

fn other() -> Credential {
    Credential::new("kadenza_other").unwrap()
}

#[tokio::test]
async fn a_cache_hands_on_who_asks_and_remembers_for_all() {
    let door = Door::before(Arc::new(Memory::default()));
    let below = Arc::new(door.clone());
    let cached = over(embedded("one", 100, Policy::default()), below);
    let ours = cached.for_caller(&key()).unwrap();
    let file = AudioFile::named("Song", "Artist", "Album");
    let theirs = cached.for_caller(&other()).unwrap();
    let refused = theirs.upload_bytes(file.bytes(), Stated::default()).await;
    assert!(matches!(refused, Err(Error::NotSignedIn)), "{refused:?}");
    ours.upload_bytes(file.bytes(), Stated::default())
        .await
        .unwrap();
    // A refusal is not remembered for others.
    let refused = theirs.search(&Query::all()).await;
    assert!(matches!(refused, Err(Error::NotSignedIn)), "{refused:?}");
    let (found, outcome) = outcome_of(ours.search(&Query::all())).await;
    assert_eq!(found.unwrap().items.len(), 1);
    assert_eq!(outcome, Some(CacheOutcome::Miss));
    let asked = door.asked.load(Ordering::SeqCst);
    for service in [&*theirs, &cached] {
        let (found, outcome) = outcome_of(service.search(&Query::all())).await;
        assert_eq!(found.unwrap().items.len(), 1);
        assert_eq!(outcome, Some(CacheOutcome::Hit));
    }
    assert_eq!(door.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn a_refusal_of_whoever_asked_first_is_nobody_elses() {
    let mut door = Door::before(Arc::new(Memory::default()));
    door.answers = Arc::new(Semaphore::new(0));
    let cached = over(
        embedded("one", 100, Policy::default()),
        Arc::new(door.clone()),
    );
    let asking = |credential: &Credential| {
        let service = cached.for_caller(credential).unwrap();
        tokio::spawn(async move { service.search(&Query::all()).await })
    };
    let first = asking(&other());
    while door.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = asking(&key());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // It waits for the answer to the same question.
    assert_eq!(door.asked.load(Ordering::SeqCst), 1);
    door.answers.add_permits(2);
    let first = first.await.unwrap();
    assert!(matches!(first, Err(Error::NotSignedIn)), "{first:?}");
    assert!(second.await.unwrap().unwrap().items.is_empty());
}
