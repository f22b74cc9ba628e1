//! What leases are for: a machine that does not hear of a change goes by what it knows for seconds, and no longer.

use std::time::Duration;

use tokio::time::sleep;

use super::stage::{Newcomer, Stage, with, without};
use crate::{nemeses::lose_disk, outside::lane::Lane, world::history::Draft};

/// Who takes part where one machine joins and one does not hear of it.
struct Parts {
    all: Vec<usize>,
    /// Joins, and becomes responsible for a song.
    joins: usize,
    /// Does not hear of it, and is asked for the song.
    asked: usize,
    /// Adds the song. Was responsible before, and is.
    takes: usize,
    /// Were responsible, and are not reached by the one that adds the song.
    others: Vec<usize>,
    song: Draft,
}

impl Stage {
    /// Seven machines and one that joins: then it and one more are a majority of those that must have the song, and not
    /// of those that had to have it before.
    async fn parts(&self) -> Option<Parts> {
        let all = self.begin(7).await?;
        let Newcomer { joins, now, song } = self.newcomer(&all)?;
        let must_have: Vec<usize> = self.responsible(&now, &song.id).into_iter().collect();
        let had_to: Vec<usize> = self.responsible(&all, &song.id).into_iter().collect();
        let takes = self.dice.pick(&without(&must_have, &[joins]))?;
        let others = without(&had_to, &[takes]);
        // Who has the lowest id admits those that join, and is to hear of it.
        let first = all.iter().min_by_key(|number| self.machine(**number).id)?;
        let asked = self.dice.pick(&without(&all, &[takes, *first]))?;
        Some(Parts {
            all,
            joins,
            asked,
            takes,
            others,
            song,
        })
    }

    /// The song is added, and asked for at once.
    async fn adds_and_asks(&self, parts: &Parts, at_most: Duration) -> Option<()> {
        self.slow(&[parts.takes], &[parts.asked], Lane::Asking, 4_000);
        let is_added = self
            .upload(parts.takes, &parts.song, at_most)
            .await
            .is_some();
        if let Some(client) = self.at(parts.asked) {
            client.looks_up(parts.song.id).await;
        }
        self.tells(if is_added {
            "it was added"
        } else {
            "it was not added"
        });
        Some(())
    }
}

/// A machine joins, and one does not hear of it while its lease lasts. What is added meanwhile must be where that one
/// looks for it, or not be acknowledged before its lease is over.
pub(super) async fn a_change_is_told_late(stage: &Stage) -> Option<()> {
    let parts = stage.parts().await?;
    // It has a new lease.
    stage.at(parts.asked)?.looks_up(parts.song.id).await;
    stage.cut(&[parts.asked], &parts.all, Some(Lane::Layout), true);
    stage.cut(&parts.all, &[parts.asked], Some(Lane::Layout), true);
    stage.cut(&[parts.asked], &[parts.joins], None, true);
    stage.cut(&[parts.joins], &[parts.asked], None, true);
    stage.world.start(parts.joins);
    let is_in = || stage.knows(parts.takes, parts.joins);
    stage.until(Duration::from_secs(4), is_in).await?;
    stage.tells("it has joined");
    stage.cut(&[parts.takes], &parts.others, None, true);
    stage.cut(&[parts.takes], &[parts.asked], Some(Lane::Storing), true);
    stage.adds_and_asks(&parts, Duration::from_secs(3)).await
}

/// The same; and that one stood still over the word of the others, on which its lease rests.
pub(super) async fn a_lease_is_answered_late(stage: &Stage) -> Option<()> {
    let parts = stage.parts().await?;
    stage.slow(&parts.all, &[parts.asked], Lane::Layout, 300);
    stage.cut(&[parts.asked], &[parts.joins], None, true);
    stage.cut(&[parts.joins], &[parts.asked], None, true);
    let (client, life) = (stage.at(parts.asked)?, stage.machine(parts.asked).life?);
    let asks = client.looks_up(parts.song.id);
    let all = with(&parts.all, &[parts.joins]);
    stage.cut(&all, &all, Some(Lane::Repair), true);
    let meanwhile = async {
        // It has asked for their word, and the answers are under way.
        sleep(Duration::from_millis(150)).await;
        life.freeze();
        sleep(Duration::from_millis(350)).await;
        stage.cut(&[parts.asked], &parts.all, Some(Lane::Layout), true);
        stage.cut(&parts.all, &[parts.asked], Some(Lane::Layout), true);
        stage.world.start(parts.joins);
        let is_in = || stage.knows(parts.takes, parts.joins);
        stage.until(Duration::from_secs(4), is_in).await?;
        stage.tells("it has joined");
        sleep(Duration::from_millis(2_500)).await;
        stage.cut(&[parts.takes], &parts.others, None, true);
        stage.cut(&[parts.takes], &[parts.asked], Some(Lane::Storing), true);
        sleep(Duration::from_millis(2_000)).await;
        life.thaw();
        Some(())
    };
    futures_util::join!(asks, meanwhile).1?;
    stage.adds_and_asks(&parts, Duration::from_secs(4)).await
}

/// A machine stands still in the middle of an upload, until the layout by which it began it is over. Then it goes on, and
/// comes to the end before it hears of anything.
pub(super) async fn a_writer_is_left_behind(stage: &Stage) -> Option<()> {
    let all = stage.begin(3).await?;
    let left = stage.dice.pick(&all)?;
    let new = stage.add(5);
    let others = with(&without(&all, &[left]), &new);
    let song = stage.song(|id| {
        let must_have = stage.responsible(&others, id);
        must_have.iter().all(|machine| new.contains(machine))
    })?;
    let (client, life) = (stage.at(left)?, stage.machine(left).life?);
    client.looks_up(song.id).await;
    stage.slow(&others, &[left], Lane::Storing, 300);
    let adds = client.uploads(&song);
    let meanwhile = async {
        // Others have been told of it, and their answers are under way.
        sleep(Duration::from_millis(150)).await;
        life.freeze();
        stage.start(&new);
        let is_ahead = |machine: &usize| {
            let layout = stage.machine(*machine).layout();
            layout.is_some_and(|layout| {
                layout.history().is_empty() && new.iter().all(|new| stage.knows(*machine, *new))
            })
        };
        // It counts as absent, and its share goes to others.
        let are_ahead = || others.iter().all(is_ahead);
        stage.until(Duration::from_secs(38), are_ahead).await?;
        stage.tells("the layout by which it began is over");
        stage.cut(&others, &others, Some(Lane::Repair), true);
        stage.slow(&others, &[left], Lane::Storing, 0);
        stage.slow(&others, &[left], Lane::Layout, 2_500);
        life.thaw();
        Some(())
    };
    futures_util::join!(adds, meanwhile).1?;
    for machine in &new {
        if let Some(client) = stage.at(*machine) {
            client.looks_up(song.id).await;
        }
    }
    Some(())
}

/// A machine loses its disk and comes back under another id. The one that asks at its address is not to take its word
/// for that of the one that was there.
pub(super) async fn another_id_answers(stage: &Stage) -> Option<()> {
    let all = stage.begin(3).await?;
    let [asked, holds, lost] = stage.shuffled(&all)[..] else {
        return None;
    };
    stage.cut(&all, &all, Some(Lane::Repair), true);
    stage.cut(&all, &[asked], Some(Lane::Storing), true);
    let song = stage.song(|_| true)?;
    stage.upload(holds, &song, Duration::from_secs(20)).await?;
    stage.tells("it is on two of three");
    stage.cut(&[holds], &all, None, true);
    stage.cut(&all, &[holds], None, true);
    if !stage.world.may_destroy(lost) {
        return None;
    }
    lose_disk(&stage.world, &stage.dice, lost, false);
    stage.world.start(lost);
    for _ in 0..40 {
        if let Some(client) = stage.at(asked) {
            client.looks_up(song.id).await;
        }
        sleep(Duration::from_millis(250)).await;
    }
    Some(())
}
