//! Following a library: all cards at one moment, and each change after it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;

use common::{files, open, upload, wav};
use kadenza_contract::SongId;
use kadenza_library::{Card, CardChanges, CardsOfAMoment, Library};

fn all(cards: &dyn CardsOfAMoment) -> BTreeMap<SongId, Card> {
    let mut all = BTreeMap::new();
    loop {
        let after = all.keys().last().copied();
        let page = cards.after(after, 2);
        if page.is_empty() {
            return all;
        }
        all.extend(page.into_iter().map(|card| (card.song.id(), card)));
    }
}

/// The cards after the changes, each of which must be one of what is known.
fn apply(known: &mut BTreeMap<SongId, Card>, changes: &mut CardChanges) {
    while let Some(told) = changes.take().unwrap() {
        for change in told.iter() {
            let of = change.after.as_ref().or(change.before.as_ref());
            let id = of.unwrap().song.id();
            assert_eq!(known.remove(&id), change.before);
            known.extend(change.after.clone().map(|card| (id, card)));
        }
    }
}

async fn is_known(library: &Library, known: &BTreeMap<SongId, Card>) {
    assert_eq!(known, &all(library.follow().cards.as_ref()));
    for (id, card) in known {
        assert_eq!(library.card(id).await.unwrap().as_ref(), Some(card));
    }
}

#[tokio::test]
async fn a_follower_knows_what_the_library_knows() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let first = upload(&library, wav("First", "One", "", 10, 1))
        .await
        .unwrap();
    let mut following = library.follow();
    let mut known = all(following.cards.as_ref());
    assert_eq!(known.len(), 1);

    for (title, seed) in [("Second", 2), ("Third", 3), ("Second", 4)] {
        upload(&library, wav(title, "One", "", 10, seed))
            .await
            .unwrap();
    }
    library.add_cards(vec![first.song.clone()]).await.unwrap();
    apply(&mut known, &mut following.changes);
    assert_eq!(known.len(), 3);
    is_known(&library, &known).await;

    // What is damaged does not count as held.
    let (id, content) = (first.song.id(), first.song.best().content);
    let hex = content.to_string();
    let of_first = files(&directory).into_iter();
    let mut of_first =
        of_first.filter(|path| hex.ends_with(&*path.file_name().unwrap().to_string_lossy()));
    std::fs::write(of_first.next().unwrap(), "other").unwrap();
    assert!(library.read(&content, 0..10).await.is_err());
    apply(&mut known, &mut following.changes);
    assert_eq!(known[&id].damaged, [content]);
    is_known(&library, &known).await;
    upload(&library, wav("First", "One", "", 10, 1))
        .await
        .unwrap();
    apply(&mut known, &mut following.changes);
    assert_eq!(known[&id].held, [content]);

    library.drop_audio(&id, &content).await.unwrap();
    apply(&mut known, &mut following.changes);
    assert!(known[&id].held.is_empty());
    library.drop_card(&id).await.unwrap();
    apply(&mut known, &mut following.changes);
    is_known(&library, &known).await;
    assert_eq!(known.len(), 2);
}
