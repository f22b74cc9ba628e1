//! Power that fails at once after a word was given.

use std::time::Duration;

use futures_util::future::join_all;
use kadenza_contract::SongId;
use tokio::time::sleep;

use super::stage::{Stage, with, without};

/// Many join, and songs are added that only they must have. Then all that were there before lose power, and those that
/// come back meet only each other: what they said they know they must know still.
pub(super) async fn fails_after_a_change(stage: &Stage) -> Option<()> {
    let all = stage.begin(3).await?;
    let new = stage.add(8);
    let now = with(&all, &new);
    let mut songs = Vec::new();
    for _ in 0..20 {
        let is_of_new = |id: &SongId| {
            stage
                .responsible(&now, id)
                .is_disjoint(&all.iter().copied().collect())
        };
        songs.push(stage.song(is_of_new)?);
    }
    stage.start(&new);
    let are_up = || stage.world.running().len() == now.len();
    stage.until(Duration::from_secs(10), are_up).await?;
    let writer = stage.at(new[0])?;
    let added = songs.iter().map(|song| writer.uploads(song));
    join_all(added).await;
    stage.tells("the power fails");
    stage.kill(&all);
    stage.cut(&all, &new, None, true);
    stage.cut(&new, &all, None, true);
    stage.start(&all);
    for _ in 0..6 {
        sleep(Duration::from_secs(1)).await;
        for machine in &all {
            let Some(client) = stage.at(*machine) else {
                continue;
            };
            for song in &songs {
                client.looks_up(song.id).await;
            }
        }
    }
    Some(())
}

/// Those that must have a song have slow disks, and lose power the moment it is acknowledged.
pub(super) async fn fails_after_an_upload(stage: &Stage) -> Option<()> {
    let all = stage.begin(5).await?;
    for _ in 0..4 {
        let song = stage.song(|_| true)?;
        let must_have: Vec<usize> = stage.responsible(&all, &song.id).into_iter().collect();
        let writer = stage.dice.pick(&without(&all, &must_have))?;
        let slow = |is_slow| {
            let machines = must_have.iter();
            machines.for_each(|machine| stage.machine(*machine).disk.slow(is_slow));
        };
        slow(true);
        let added = stage.upload(writer, &song, Duration::from_secs(30)).await;
        slow(false);
        added?;
        stage.tells("the power fails");
        let off = with(&must_have, &[writer]);
        stage.kill(&off);
        stage.start(&off);
        for _ in 0..8 {
            sleep(Duration::from_millis(250)).await;
            if let Some(client) = stage.at(stage.dice.pick(&all)?) {
                client.looks_up(song.id).await;
            }
        }
        stage.agree().await?;
    }
    Some(())
}
