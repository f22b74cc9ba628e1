//! What an acknowledgement is worth: whatever is in its way, the copies and cards are on as many disks as there must be.

use std::time::Duration;

use tokio::time::sleep;

use super::stage::{Stage, without};
use crate::outside::lane::Lane;

/// Only those are reached that must have the audio, and not all that must know the words of the song.
pub(super) async fn words_are_out_of_reach(stage: &Stage) -> Option<()> {
    let all = stage.begin(7).await?;
    for _ in 0..3 {
        let song = stage.song(|_| true)?;
        let must_have: Vec<usize> = stage.responsible(&all, &song.id).into_iter().collect();
        let writer = must_have[0];
        let others = without(&all, &must_have);
        stage.cut(&[writer], &others, Some(Lane::Storing), true);
        stage.at(writer)?.uploads(&song).await;
        stage.cut(&[writer], &others, Some(Lane::Storing), false);
    }
    Some(())
}

/// Two of three that must have a song have no room: others stand in for them, and are found once the third is off.
pub(super) async fn disks_are_full(stage: &Stage) -> Option<()> {
    // So many that not all of them know some word of the song.
    let all = stage.begin(10).await?;
    let mut last = None;
    for _ in 0..6 {
        let song = stage.song(|_| true)?;
        let must_have = stage.cast(&all, &song.id);
        for machine in &all {
            let disk = stage.machine(*machine).disk;
            disk.fill(must_have[1..].contains(machine));
        }
        stage
            .upload(must_have[0], &song, Duration::from_secs(30))
            .await?;
        last = Some((song, must_have[0]));
    }
    let (song, has_room) = last?;
    stage.tells("one has it, and others stand in");
    stage.world.kill(has_room, true);
    for machine in without(&all, &[has_room]) {
        let mut is_heard = false;
        // No longer than until the one that is off counts as absent: then others take its share over.
        for _ in 0..6 {
            let client = stage.at(machine)?;
            client.looks_up(song.id).await;
            is_heard = is_heard || client.listens(song.id).await;
            if is_heard {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
        if !is_heard {
            stage.world.wrong(format!(
                "machine {machine} does not find the audio that others hold for full ones"
            ));
        }
    }
    Some(())
}

/// Nobody has room but the one to which a song is brought.
pub(super) async fn all_disks_are_full(stage: &Stage) -> Option<()> {
    let all = stage.begin(5).await?;
    for _ in 0..3 {
        let song = stage.song(|_| true)?;
        let must_have = stage.responsible(&all, &song.id);
        let has_room = must_have.first().copied()?;
        let full = without(&all, &[has_room]);
        let fill = |is_full| {
            let machines = full.iter();
            machines.for_each(|machine| stage.machine(*machine).disk.fill(is_full));
        };
        fill(true);
        stage.at(has_room)?.uploads(&song).await;
        fill(false);
        stage.at(has_room)?.uploads(&song).await;
    }
    Some(())
}

/// An upload comes to no end behind its second copy, and one of the two is damaged. The next upload of the same is not to
/// count on that one.
pub(super) async fn a_copy_rots_before_it_counts(stage: &Stage) -> Option<()> {
    let all = stage.begin(6).await?;
    let song = stage.song(|_| true)?;
    let must_have = stage.cast(&all, &song.id);
    let [one, other, none] = must_have[..] else {
        return None;
    };
    let others = without(&all, &must_have);
    stage.cut(&all, &all, Some(Lane::Repair), true);
    stage.cut(&all, &[none], Some(Lane::Storing), true);
    let client = stage.at(others[0])?;
    let are_there = stage.until(Duration::from_secs(5), || {
        stage.holds(one, &song) && stage.holds(other, &song)
    });
    tokio::select! {
        biased;
        there = are_there => there?,
        _ = client.uploads(&song) => return None,
    }
    stage.world.kill(others[0], true);
    let disk = stage.machine(one).disk;
    disk.rot(&song.content);
    disk.scrub();
    stage.tells("one of two copies is damaged");
    sleep(Duration::from_secs(1)).await;
    stage.cut(&all, &[none], Some(Lane::Storing), false);
    stage
        .upload(others[1], &song, Duration::from_secs(20))
        .await
}
