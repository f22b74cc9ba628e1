//! Every node knows every acknowledged song, lists them all, and plays them.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use kadenza_contract::{
    AudioRequest, ByteRange, ContentHash, Entry, Limit, MusicService, Page, Partial, Query, Result,
    SongId,
};
use kadenza_distributed::Node;

use super::heard;
use crate::world::{machine::Running, state::World};

/// What a node does not know, list or play; none if nothing.
pub(crate) async fn lacking(world: &World, running: &Running) -> Option<String> {
    let machine = running.machine;
    let acknowledged = world.history.before(u64::MAX);
    for (id, known) in &acknowledged {
        let (node, of) = (running.node.clone(), *id);
        let song = running
            .life
            .run(async move { node.song(&of).await })
            .await?;
        match song {
            Ok(Some(song)) => {
                let mut recordings = known.recordings.iter();
                if !recordings.all(|content| song.recording(content).is_some()) {
                    return Some(format!("machine {machine} lacks a recording of {id:.8}"));
                }
            }
            Ok(None) => return Some(format!("machine {machine} denies {id:.8}")),
            Err(error) => return Some(format!("machine {machine}: {}", error.chain())),
        }
        let node = running.node.clone();
        for content in known.recordings.iter().copied() {
            let heard = running
                .life
                .run(listen(node.clone(), *id, Some(content)))
                .await?;
            match heard {
                Ok(Some((_, heard))) => heard::bytes(world, machine, (id, &content), &heard, true),
                Ok(None) => return Some(format!("machine {machine} denies audio of {id:.8}")),
                Err(error) => {
                    return Some(format!(
                        "machine {machine} plays no {id:.8}: {}",
                        error.chain()
                    ));
                }
            }
        }
    }
    let all = running
        .life
        .run(walk(running.node.clone(), Query::all()))
        .await?;
    match all {
        Ok(all) => {
            if let Some(partial) = all.partial {
                return Some(format!(
                    "machine {machine} gives a list without {partial:?}"
                ));
            }
            let listed: BTreeSet<SongId> =
                all.items.iter().map(|entry| entry.song().id()).collect();
            let missing = acknowledged.keys().find(|id| !listed.contains(*id));
            missing.map(|id| format!("machine {machine} does not list {id:.8}"))
        }
        Err(error) => Some(format!(
            "machine {machine} gives no list: {}",
            error.chain()
        )),
    }
}

/// All hits of a query, page by page, as one page: partial if any of them is.
pub(crate) async fn walk(node: Node, mut query: Query) -> Result<Page<Entry>> {
    query.limit = Limit::new(7)?;
    let mut all = Page::whole(Vec::new(), None);
    loop {
        let page = node.search(&query).await?;
        all.items.extend(page.items);
        all.partial = Partial::of_both(all.partial, page.partial);
        query.after = page.next;
        if query.after.is_none() {
            return Ok(all);
        }
    }
}

/// All bytes of a song, and of which recording they are.
pub(crate) async fn listen(
    node: Node,
    song: SongId,
    recording: Option<ContentHash>,
) -> Result<Option<(ContentHash, Vec<u8>)>> {
    let request = AudioRequest {
        song,
        recording,
        range: ByteRange::ALL,
    };
    let Some(mut audio) = node.audio(&request).await? else {
        return Ok(None);
    };
    let mut heard = Vec::new();
    while let Some(piece) = audio.stream.next().await {
        heard.extend_from_slice(&piece?);
    }
    Ok(Some((audio.recording.content, heard)))
}
