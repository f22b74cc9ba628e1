//! Copies that only others must hold, and machines that leave: nothing goes before others have it.

use std::time::Duration;

use tokio::time::sleep;

use super::stage::{Newcomer, Stage, without};
use crate::{nemeses::leave, outside::lane::Lane, world::history::Draft};

/// A song that one machine holds, and only others must.
struct Surplus {
    song: Draft,
    /// All machines.
    now: Vec<usize>,
    must_have: Vec<usize>,
}

impl Stage {
    /// A song is where it must be, and then another machine takes its place among those that must have it.
    async fn surplus(&self) -> Option<Surplus> {
        let all = self.begin(5).await?;
        let Newcomer { joins, now, song } = self.newcomer(&all)?;
        let at = self.dice.pick(&all)?;
        self.upload(at, &song, Duration::from_secs(20)).await?;
        self.be_whole_among(&all, &song).await?;
        let must_have: Vec<usize> = self.responsible(&now, &song.id).into_iter().collect();
        self.world.start(joins);
        self.be_whole_among(&now, &song).await?;
        self.tells("one has it that need not have it any more");
        Some(Surplus {
            song,
            now,
            must_have,
        })
    }

    async fn be_whole_among(&self, among: &[usize], song: &Draft) -> Option<()> {
        let must_have = self.responsible(among, &song.id);
        let have_it = || must_have.iter().all(|machine| self.holds(*machine, song));
        self.until(Duration::from_secs(30), have_it).await
    }
}

/// While a copy is kept on top, two of the three that confirmed theirs lose it, and nobody has room
/// for another one.
pub(super) async fn others_lose_it(stage: &Stage) -> Option<()> {
    let surplus = stage.surplus().await?;
    sleep(Duration::from_secs(5)).await;
    for machine in &surplus.now {
        stage.machine(*machine).disk.fill(true);
    }
    for machine in &surplus.must_have[1..] {
        let disk = stage.machine(*machine).disk;
        disk.rot(&surplus.song.content);
        disk.scrub();
    }
    stage.tells("two have lost it");
    sleep(Duration::from_secs(20)).await;
    Some(())
}

/// While a copy is kept on top, all that confirmed theirs lose it and do not know: each goes on saying that it has it.
pub(super) async fn others_only_claim_it(stage: &Stage) -> Option<()> {
    let surplus = stage.surplus().await?;
    sleep(Duration::from_secs(5)).await;
    for machine in &surplus.must_have {
        stage.machine(*machine).disk.rot(&surplus.song.content);
    }
    stage.tells("all that must have it have lost it, and do not know");
    sleep(Duration::from_secs(20)).await;
    Some(())
}

/// The song gains a recording that never comes to the one that need not have it. What that one has is dropped all the
/// same: the others have all of it.
pub(super) async fn others_have_more(stage: &Stage) -> Option<()> {
    let surplus = stage.surplus().await?;
    let more = stage.world.history.another(&stage.dice, &surplus.song);
    let at = stage.dice.pick(&surplus.must_have)?;
    stage.upload(at, &more, Duration::from_secs(5)).await?;
    stage.be_whole_among(&surplus.now, &more).await
}

/// A song has two recordings, and whoever joins is given both.
pub(super) async fn one_joins_for_two_recordings(stage: &Stage) -> Option<()> {
    let all = stage.begin(5).await?;
    let Newcomer {
        joins,
        now: _,
        song,
    } = stage.newcomer(&all)?;
    let more = stage.world.history.another(&stage.dice, &song);
    for draft in [&song, &more] {
        let at = stage.dice.pick(&all)?;
        stage.upload(at, draft, Duration::from_secs(20)).await?;
        stage.be_whole_among(&all, draft).await?;
    }
    stage.world.start(joins);
    Some(())
}

/// One of the two that have a song is told to leave, and hands it on before.
pub(super) async fn one_leaves_in_haste(stage: &Stage) -> Option<()> {
    let all = stage.begin(5).await?;
    let song = stage.song(|_| true)?;
    let must_have = stage.cast(&all, &song.id);
    let [leaves, has, lacks] = must_have[..] else {
        return None;
    };
    stage.cut(&without(&all, &[leaves]), &all, Some(Lane::Repair), true);
    stage.cut(&all, &[lacks], Some(Lane::Storing), true);
    stage.upload(has, &song, Duration::from_secs(20)).await?;
    stage.cut(&all, &[lacks], Some(Lane::Storing), false);
    // It hears what those lack that it asks.
    stage.cut(&all, &[leaves], Some(Lane::Repair), false);
    stage.tells("one of two leaves");
    leave(&stage.world, stage.at(leaves)?.running).await;
    Some(())
}
