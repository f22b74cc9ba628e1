//! Members that mean harm: they acknowledge and keep nothing, claim and deny as they like, and give wrong bytes.
//!
//! What today's design can hold: a song of which one of the three that must have it is hostile. With two of them it is not
//! acknowledged, or, if they kept it until they had shown it and dropped it afterwards, can be denied.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use kadenza_contract::Query;

use super::stage::{Stage, without};
use crate::outside::lane::Lane;

/// How many songs are uploaded among hostile members.
const SONGS: usize = 16;
/// How many machines are asked for each of them.
const ASKED: usize = 3;

impl Stage {
    fn turn_hostile(&self, machines: &[usize]) {
        for machine in machines {
            self.machine(*machine).hostile.store(true, Relaxed);
        }
        self.tells(&format!("{machines:?} mean harm"));
    }
}

/// Two of ten machines are hostile. Songs are uploaded at the others, and looked up, searched and heard there.
pub(super) async fn a_fifth_is_hostile(stage: &Stage) -> Option<()> {
    let all = stage.begin(10).await?;
    let hostile = stage.shuffled(&all).split_off(8);
    let honest = without(&all, &hostile);
    stage.turn_hostile(&hostile);
    let mut acknowledged = 0;
    for _ in 0..SONGS {
        let song = stage.song(|_| true)?;
        let at = stage.dice.pick(&honest)?;
        // Not where two of those are hostile that must have it.
        if stage
            .upload(at, &song, Duration::from_secs(5))
            .await
            .is_none()
        {
            continue;
        }
        acknowledged += 1;
        for machine in stage.shuffled(&honest).into_iter().take(ASKED) {
            let client = stage.at(machine)?;
            client.looks_up(song.id).await;
            client.listens(song.id).await;
            client.searches(Query::all()).await;
        }
    }
    (acknowledged > SONGS / 2).then_some(())
}

/// Of the three that must have a song one keeps nothing, and one cannot be reached. What the first says is not enough.
pub(super) async fn one_keeps_nothing(stage: &Stage) -> Option<()> {
    let all = stage.begin(5).await?;
    let song = stage.song(|_| true)?;
    let must_have = stage.cast(&all, &song.id);
    let [hostile, has, lacks] = must_have[..] else {
        return None;
    };
    stage.turn_hostile(&[hostile]);
    stage.cut(&all, &[lacks], Some(Lane::Storing), true);
    // Again and again, as people do: it is there already, as the hostile one claims.
    let refused = stage.upload(has, &song, Duration::from_secs(10)).await;
    if refused.is_some() {
        stage.tells("it is acknowledged");
    }
    stage.cut(&all, &[lacks], Some(Lane::Storing), false);
    stage.upload(has, &song, Duration::from_secs(20)).await?;
    // One of the two that keep it is gone, and the other is believed.
    stage.kill(&[has]);
    for machine in without(&all, &[hostile, has]) {
        let client = stage.at(machine)?;
        client.looks_up(song.id).await;
        client.listens(song.id).await;
    }
    Some(())
}
