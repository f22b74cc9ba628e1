//! Scenarios: small worlds in which exactly that happens for which a safeguard is there.
//!
//! A world that is drawn from its seed alone meets most situations some time. Those that need several things at once, in
//! one order and within seconds, are staged here. The seed still draws the machines, the songs and who takes which
//! part. Once the play is over the world is healed and judged as any other one.

mod hostile;
mod leases;
mod power;
mod stage;
mod surplus;
mod uploads;
mod versions;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use stage::Stage;

use crate::world::{plan::Plan, state::World};

/// What a world counts once a play has come to its point.
pub const PLAYED: &str = "plays that came to their point";

/// A scenario.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    name: &'static str,
    replication: usize,
    /// How long a copy is kept that only others must hold.
    surplus_kept: Duration,
    play: Play,
}

/// A play ends with none where its parts cannot be given to any of the machines of this seed.
type Play = for<'a> fn(&'a Stage) -> BoxFuture<'a, Option<()>>;

macro_rules! scenario {
    ($name:literal, $kept:literal, $play:path) => {
        scenario!($name, $kept, $play, 3)
    };
    ($name:literal, $kept:literal, $play:path, $replication:literal) => {
        Scenario {
            name: $name,
            replication: $replication,
            surplus_kept: Duration::from_secs($kept),
            play: |stage| Box::pin($play(stage)),
        }
    };
}

const ALL: &[Scenario] = &[
    scenario!("a-change-is-told-late", 10, leases::a_change_is_told_late),
    scenario!(
        "a-lease-is-answered-late",
        10,
        leases::a_lease_is_answered_late
    ),
    scenario!(
        "a-writer-is-left-behind",
        10,
        leases::a_writer_is_left_behind
    ),
    scenario!("another-id-answers", 10, leases::another_id_answers),
    scenario!("shares-are-given-late", 2, versions::shares_are_given_late),
    scenario!("all-fall-but-two", 10, versions::all_fall_but_two, 2),
    scenario!(
        "power-fails-after-a-change",
        10,
        power::fails_after_a_change
    ),
    scenario!(
        "power-fails-after-an-upload",
        10,
        power::fails_after_an_upload
    ),
    scenario!(
        "words-are-out-of-reach",
        10,
        uploads::words_are_out_of_reach
    ),
    scenario!("disks-are-full", 10, uploads::disks_are_full),
    scenario!("all-disks-are-full", 10, uploads::all_disks_are_full),
    scenario!(
        "a-copy-rots-before-it-counts",
        10,
        uploads::a_copy_rots_before_it_counts
    ),
    scenario!("others-lose-what-is-surplus", 10, surplus::others_lose_it),
    scenario!("others-only-claim-it", 10, surplus::others_only_claim_it),
    scenario!("others-have-more", 10, surplus::others_have_more),
    scenario!(
        "one-joins-for-two-recordings",
        10,
        surplus::one_joins_for_two_recordings
    ),
    scenario!("one-leaves-in-haste", 10, surplus::one_leaves_in_haste),
    scenario!("one-keeps-nothing", 10, hostile::one_keeps_nothing),
    scenario!("a-fifth-is-hostile", 10, hostile::a_fifth_is_hostile),
];

impl Scenario {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Scenario] {
        ALL
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Scenario> {
        ALL.iter().find(|of| of.name == name).copied()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan::staged(self.replication, self.surplus_kept)
    }

    pub(crate) async fn play(&self, world: &Arc<World>) {
        let stage = Stage::new(world);
        if (self.play)(&stage).await.is_some() {
            world.count(PLAYED);
        }
    }
}
