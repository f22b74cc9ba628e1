use kadenza_library::{Library, LibraryConfig};

use super::*;
use crate::outside::{disk::Disk, env::Machine};

fn contact(id: u8) -> Contact {
    Contact {
        id: Key::from_bytes([id; 32]),
        address: ([127, 0, 0, 1], u16::from(id)).into(),
    }
}

async fn remembered_at(own: Contact, directory: &tempfile::TempDir) -> io::Result<Members> {
    let songs = tempfile::tempdir().unwrap();
    let library = Library::open(songs.path(), LibraryConfig::default());
    let store: Arc<dyn Store> = Arc::new(Disk {
        library: library.await.unwrap(),
        directory: directory.path().to_owned(),
    });
    let env: Arc<dyn Env> = Arc::new(Machine);
    Members::remembered(own, &store, &env, 3).await
}

async fn remembered(directory: &tempfile::TempDir) -> Members {
    remembered_at(contact(0), directory).await.unwrap()
}

/// The layout of a network of two.
async fn network_of_two(directory: &tempfile::TempDir) -> Members {
    let members = remembered(directory).await;
    members.begin(NetworkId(7)).await.unwrap();
    let other = Layout::joining(contact(1), 3);
    members.learn(&other).await.unwrap().unwrap();
    members
        .change(|layout| layout.admit(|_| true))
        .await
        .unwrap();
    members
}

#[tokio::test]
async fn a_fresh_directory_belongs_to_no_network() {
    let directory = tempfile::tempdir().unwrap();
    let fresh = remembered(&directory).await;
    assert!(!fresh.are_of_a_network() && fresh.are_awaited());
    assert!(!fresh.hold_lease(&fresh.view()));
    fresh.begin(NetworkId(7)).await.unwrap();
    for begun in [fresh, remembered(&directory).await] {
        assert!(begun.are_of_a_network() && !begun.are_awaited());
        assert_eq!(begun.view().layout().network(), Some(NetworkId(7)));
    }
}

#[tokio::test]
async fn members_survive_a_restart_and_half_of_two_is_no_majority() {
    let directory = tempfile::tempdir().unwrap();
    drop(network_of_two(&directory).await);
    let again = remembered(&directory).await;
    assert!(again.are_of_a_network() && again.are_awaited());
    assert_eq!(again.others(), [contact(1)]);
    let view = again.view();
    assert!(!again.hold_lease(&view));
    again.agreed(contact(1).id, &view.digest(), again.now_ms());
    assert!(again.hold_lease(&view) && again.are_established(&view));
    // Who agreed with another layout did not agree with this one.
    again.give_up(&contact(2).id).await.unwrap();
    assert!(again.hold_lease(&view));
    let third = Layout::joining(contact(2), 3);
    again.learn(&third).await.unwrap().unwrap();
    again.agreed(contact(1).id, &view.digest(), again.now_ms());
    assert!(!again.hold_lease(&again.view()));
}

#[tokio::test]
async fn a_node_is_not_away_that_is_here_and_gone_only_if_it_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let members = network_of_two(&directory).await;
    let standing = |members: &Members| members.view().layout().standing(&contact(0).id);
    for (told, then) in [
        (Standing::Away, Standing::Up),
        (Standing::Gone, Standing::Joining),
    ] {
        let mut other = members.view().layout().clone();
        other.say(contact(0).id, |member| member.standing = told);
        members.learn(&other).await.unwrap().unwrap();
        assert_eq!(standing(&members), Some(then));
    }
    members.leave().await.unwrap();
    assert_eq!(standing(&members), Some(Standing::Gone));
}

#[tokio::test]
async fn who_asked_before_a_restart_asks_still() {
    let directory = tempfile::tempdir().unwrap();
    let members = network_of_two(&directory).await;
    let third = Layout::joining(contact(2), 3);
    members.learn(&third).await.unwrap().unwrap();
    assert!(members.joining_since().is_some());
    assert!(remembered(&directory).await.joining_since().is_some());
}

#[tokio::test]
async fn whoever_is_left_when_the_others_are_given_up_is_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let members = network_of_two(&directory).await;
    assert!(!members.hold_lease(&members.view()));
    members.give_up(&contact(1).id).await.unwrap();
    for members in [members, remembered(&directory).await] {
        assert!(!members.are_awaited());
    }
}

#[tokio::test]
async fn a_node_that_moved_says_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    drop(network_of_two(&directory).await);
    let elsewhere = Contact {
        address: ([127, 0, 0, 1], 99).into(),
        ..contact(0)
    };
    let moved = remembered_at(elsewhere, &directory).await.unwrap();
    moved.are_here().await.unwrap();
    let view = moved.view();
    let own = view.layout().members()[&elsewhere.id];
    assert_eq!((own.address, own.incarnation), (elsewhere.address, 1));
}

#[tokio::test]
async fn the_list_of_an_older_program_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(kept::FILE);
    let member = serde_json::to_value(contact(1)).unwrap();
    let list = serde_json::json!([{"contact": member, "http": null, "heard_unix_s": 7}]);
    let later = serde_json::json!({"belongs": true, "members": list, "gone": []});
    for text in [list, later] {
        std::fs::write(&file, text.to_string()).unwrap();
        let members = remembered(&directory).await;
        assert_eq!(members.others(), [contact(1)]);
        assert!(members.are_of_a_network() && members.are_awaited());
    }
    std::fs::write(&file, "[]").unwrap();
    assert!(!remembered(&directory).await.are_awaited());
    // One that is damaged is not taken for a network without others.
    std::fs::write(&file, "[{").unwrap();
    let damaged = remembered_at(contact(0), &directory).await;
    assert_eq!(damaged.unwrap_err().kind(), io::ErrorKind::InvalidData);
}
