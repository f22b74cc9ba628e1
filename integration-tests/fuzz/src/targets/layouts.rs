//! The layout that a member gives to another one. A hostile member may say anything in it.

use kadenza_distributed::{Contact, Key};
use kadenza_protocol::layout::{Layout, NetworkId, Slot, Standing, View};

use crate::target::Target;

pub(super) const LAYOUTS: Target = Target {
    name: "layouts",
    about: "the layout that a member tells, merged with what is known",
    seeds,
    words: &[
        "18446744073709551615",
        "9223372036854775807",
        "4294967295",
        "\"up\"",
        "\"gone\"",
        "\"away\"",
        "\"joining\"",
        "\"voters\":[]",
        "\"placed\":{}",
        "\"history\":[]",
        "null",
        "\"anywhere\":true",
        "\"replication\":0",
    ],
    bytes_max: 20 << 10,
    memory_max: 8 << 20,
    open: || {
        let known = known();
        Box::new(move |bytes| hear(&known, bytes))
    },
};

fn contact(id: u8) -> Contact {
    Contact {
        id: Key::from_bytes([id; 32]),
        address: ([192, 0, 2, id], 4534).into(),
    }
}

/// A network of three, and one that asks to join.
fn known() -> Layout {
    let mut layout = Layout::beginning(NetworkId(7), contact(1), 3);
    let join = |layout: &mut Layout, id| {
        let joined = layout.merge(&Layout::joining(contact(id), 3));
        joined.expect("it belongs to no network");
    };
    join(&mut layout, 2);
    join(&mut layout, 3);
    layout.admit(|_| true);
    join(&mut layout, 4);
    layout
}

fn hear(known: &Layout, bytes: &[u8]) -> String {
    let Ok(told) = serde_json::from_slice::<Layout>(bytes) else {
        return "no layout".to_owned();
    };
    let json = serde_json::to_vec(&told).expect("it was JSON");
    let again: Layout = serde_json::from_slice(&json).expect("it was written here");
    assert_eq!(again, told, "it is another one when it is written and read");

    let mut merged = known.clone();
    if merged.merge(&told).is_err() {
        assert_eq!(&merged, known, "something was learned that was refused");
        return "refused".to_owned();
    }
    assert!(merged.network() == known.network() && merged.replication() == known.replication());
    // Nobody is forgotten, and no version in force is without being over.
    for (id, member) in known.members() {
        assert!(merged.members()[id] >= *member, "a member is forgotten");
    }
    assert!(merged.current().number >= known.current().number);
    let mut twice = merged.clone();
    let learned = twice.merge(&told);
    assert!(
        learned.is_ok() && twice == merged,
        "the same is learned twice"
    );

    // A node can go on with it.
    merged.admit(|_| true);
    merged.say(contact(3).id, |member| {
        *member = member.back(member.address);
        member.standing = member.standing.max(Standing::Away);
    });
    merged.end_before(merged.current().number);
    let view = View::new(merged.clone());
    let responsible = Slot::all().map(|slot| view.responsible(slot).count());
    let responsible = responsible.max();
    let demands: usize = Slot::all()
        .take(8)
        .map(|slot| view.demands(slot).count())
        .sum();
    format!(
        "{} {} {:?} {demands}",
        merged.members().len().min(9),
        merged.history().len().min(9),
        responsible
    )
}

fn seeds() -> Vec<Vec<u8>> {
    let mut other = known();
    other.admit(|_| true);
    other.say(contact(2).id, |member| member.standing = Standing::Away);
    let mut later = other.clone();
    later.end_before(later.current().number);
    let earlier = Layout::without_shares(contact(5), &[contact(1), contact(6)], 3);
    let joining = Layout::joining(contact(9), 3);
    let layouts = [known(), other, later, earlier, joining];
    let json = layouts.iter().map(serde_json::to_vec);
    json.map(|json| json.expect("a layout is JSON")).collect()
}
