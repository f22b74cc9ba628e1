//! What earlier versions of the layout are for: what was written under them is found until it is where it must be.

use std::time::Duration;

use kadenza_contract::Query;
use tokio::time::sleep;

use super::stage::{Stage, with, without};
use crate::outside::lane::Lane;

/// Most shares change hands, and nobody is told what it lacks.
pub(super) async fn shares_are_given_late(stage: &Stage) -> Option<()> {
    let all = stage.begin(3).await?;
    let mut songs = Vec::new();
    for _ in 0..6 {
        let song = stage.song(|_| true)?;
        let at = stage.dice.pick(&all)?;
        stage.upload(at, &song, Duration::from_secs(20)).await?;
        songs.push(song);
    }
    stage.be_whole().await?;
    let new = stage.add(5);
    let now = with(&all, &new);
    stage.cut(&now, &now, Some(Lane::Repair), true);
    stage.start(&new);
    let is_in = |machine: &usize| stage.knows(*machine, *machine);
    stage
        .until(Duration::from_secs(20), || new.iter().all(is_in))
        .await?;
    stage.tells("all have joined");
    // Those that have the songs may be the last to answer.
    let are_late = stage.dice.happens(0.5);
    if are_late {
        stage.slow(&all, &now, Lane::Asking, 1_500);
    }
    for _ in 0..if are_late { 1 } else { 12 } {
        for machine in &now {
            let Some(client) = stage.at(*machine) else {
                continue;
            };
            for song in &songs {
                client.looks_up(song.id).await;
            }
            client.searches(Query::all()).await;
        }
        sleep(Duration::from_millis(400)).await;
    }
    Some(())
}

/// Of five, one after the other falls, slowly enough that the others take its share over. The last two are no majority of
/// five, and take nothing in: nobody ceases to be a member by time alone.
pub(super) async fn all_fall_but_two(stage: &Stage) -> Option<()> {
    let all = stage.begin(5).await?;
    let machines = stage.shuffled(&all);
    let (fall, stay) = machines.split_at(3);
    for (count, machine) in (1..).zip(fall) {
        stage.world.kill(*machine, true);
        let left = without(&all, &fall[..count]);
        let counts_without = |of: &usize| {
            let layout = stage.machine(*of).layout();
            layout.is_some_and(|layout| {
                layout.history().is_empty() && layout.current().placed.len() == left.len()
            })
        };
        // Two can say no more that one is away.
        let are_without = || left.iter().all(counts_without);
        // While nothing is asked of them, they ask each other once a minute.
        let taken_over = stage.until(Duration::from_secs(90), are_without).await;
        if left.len() > stay.len() {
            taken_over?;
        }
    }
    stage.tells("two are left");
    let song = stage.song(|_| true)?;
    for machine in stay {
        if stage.at(*machine)?.uploads(&song).await {
            stage.world.wrong(format!(
                "machine {machine} acknowledges {:.8}, and three of five members are away",
                song.id
            ));
        }
    }
    Some(())
}
