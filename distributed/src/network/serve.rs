//! Answering the requests of other nodes.

use std::{sync::Weak, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use kadenza_contract::{
    Browse, Chunks, ContentHash, Entry, Error, Failure, Group, Page, Query, Result, Song, SongId,
};
use kadenza_protocol::{Digest, Item, Parts};

use crate::{
    Key, Reply, Request,
    cluster::Cluster,
    network::{
        cards::{self, CARD_BYTES_MAX},
        peers,
    },
    replicas::{
        local::LocalReplica,
        possession::Challenge,
        remote::{COMPARED_BYTES, OFFER_ITEMS_MAX},
        replica::Replica,
    },
    rpc::{ATTACHMENT_BYTES_MAX, Class, Evidence, Handled, Handler, Peer, PeerId},
};

/// Gives what the transport receives to the cluster. Holds it weakly: the transport lives inside it.
pub(crate) struct Server(pub(crate) Weak<Cluster>);

impl Handler<Request> for Server {
    fn heard_from(&self, peer: Peer, evidence: Evidence) {
        if let Some(cluster) = self.0.upgrade() {
            cluster.heard_from(peers::contact(&peer), evidence);
        }
    }

    fn answered(&self, peer: &PeerId, class: Class, took: Duration) {
        if let Some(cluster) = self.0.upgrade() {
            let node = Key::from_bytes(*peer.as_bytes());
            cluster.caller().answered(&node, class, took);
        }
    }

    fn handle(&self, from: Peer, request: Request, attachment: Bytes) -> Handled<Reply> {
        let Some(cluster) = self.0.upgrade() else {
            return Handled::Now(Err(Failure::from(&Error::Busy)));
        };
        let asker = peers::contact(&from).id;
        match request {
            Request::Ping => Handled::Now(Ok((cluster.pong(&asker), Bytes::new()))),
            Request::FindNode { target } => {
                Handled::Now(Ok((cluster.nodes_near(&target, &asker), Bytes::new())))
            }
            Request::Layout => Handled::Later(
                async move {
                    let ours = cluster.layout_from(&attachment).await;
                    ours.map(|ours| (Reply::Layout, ours))
                        .map_err(|error| Failure::from(&error))
                }
                .boxed(),
            ),
            Request::Accounts { after } => {
                let some = cluster.accounts_after(&after, &attachment);
                Handled::Now(some.map_err(|error| Failure::from(&error)))
            }
            Request::TakeAccounts => Handled::Later(
                async move {
                    let taken = cluster.take_accounts(&attachment).await;
                    taken.map_err(|error| Failure::from(&error))
                }
                .boxed(),
            ),
            request => {
                let node = LocalReplica { cluster, asker };
                let answer = async move { answer(&node, request, attachment).await };
                Handled::Later(
                    answer
                        .map(|answer| answer.map_err(|error| Failure::from(&error)))
                        .boxed(),
                )
            }
        }
    }
}

/// Answers a request that takes longer than a look into memory.
async fn answer(node: &dyn Replica, request: Request, attachment: Bytes) -> Result<(Reply, Bytes)> {
    Ok(match request {
        Request::Ping
        | Request::FindNode { .. }
        | Request::Layout
        | Request::Accounts { .. }
        | Request::TakeAccounts => {
            return Err(Error::Invalid {
                what: "a request that is no replica's to answer".into(),
            });
        }
        Request::Song { id, after } => {
            let known = node.song(id).await?;
            let part = match &known.song {
                Some(song) => cards::part(song, after)?,
                None => None,
            };
            let held = known.held;
            match part {
                Some((part, next)) => (Reply::Song { held, next }, cards::json(&part)?.into()),
                None => (Reply::Song { held, next: None }, Bytes::new()),
            }
        }
        Request::Store { recording } => {
            let chunks = Chunks::from_bytes(&recording.content, recording.size, &attachment)?;
            let ticket = node.store(&recording, &chunks).await?;
            (Reply::Ticket { ticket }, Bytes::new())
        }
        Request::StoreChunk { ticket, index } => {
            node.store_chunk(ticket, index, attachment).await?;
            (Reply::Done, Bytes::new())
        }
        Request::StoreCommit { ticket } => {
            node.store_commit(ticket, 0).await?;
            (Reply::Done, Bytes::new())
        }
        Request::Cards => {
            let songs: Vec<Song> =
                serde_json::from_slice(&attachment).map_err(|wrong| Error::Invalid {
                    what: format!("cards: {wrong}"),
                })?;
            node.add_cards(&songs).await?;
            (Reply::Done, Bytes::new())
        }
        Request::Search { query } => songs(node.search(&query).await?, &query)?,
        Request::Browse { browse } => groups(node.browse(&browse).await?, &browse)?,
        Request::Chunks { content } => {
            // The size is for a remote node, whose list is checked by it.
            let chunks = node.chunks(&content, 0).await?;
            found(chunks.map(|chunks| chunks.to_bytes().into()))
        }
        Request::Read {
            content,
            start,
            end,
        } => {
            if end.saturating_sub(start) > ATTACHMENT_BYTES_MAX as u64 || end < start {
                return Err(Error::Invalid {
                    what: "at most 1 MiB is read at once".into(),
                });
            }
            found(node.read(&content, start..end).await?)
        }
        Request::Artwork {
            content,
            size,
            offset,
        } => picture(node, &content, size, offset).await?,
        Request::Lyrics { content } => {
            let lyrics = node.lyrics(&content).await?;
            let json = lyrics.map(|lyrics| cards::json(&lyrics)).transpose()?;
            found(json.map(Bytes::from))
        }
        Request::Compare {
            layout,
            holding,
            parts,
        } => {
            let digests = digests(&attachment, parts)?;
            let parts = node.compare(layout, holding, parts, &digests).await?;
            (Reply::Differs { parts }, Bytes::new())
        }
        Request::Offer { holding } => {
            let items = items(&attachment)?;
            let missing = node.offer(holding, &items).await?;
            let ids: Vec<u8> = missing.iter().flat_map(|id| *id.as_bytes()).collect();
            (Reply::Missing, ids.into())
        }
        Request::Prove {
            content,
            chunk,
            nonce,
        } => {
            let proof = node.prove(&content, Challenge { chunk, nonce }).await?;
            (Reply::Proof { proof }, Bytes::new())
        }
        Request::Status => {
            let report = node.report().await?;
            let reply = Reply::Status {
                node: Box::new(report.node),
                primary: report.primary,
                complete: report.complete,
                lacking: report.lacking,
                missing_bytes: report.missing_bytes,
                bytes_per_second: report.bytes_per_second,
            };
            (reply, Bytes::new())
        }
    })
}

fn found(bytes: Option<Bytes>) -> (Reply, Bytes) {
    (
        Reply::Found {
            found: bytes.is_some(),
        },
        bytes.unwrap_or_default(),
    )
}

/// A page of songs, cut so that it fits into an attachment: then there is a next page.
fn songs(page: Page<Entry>, query: &Query) -> Result<(Reply, Bytes)> {
    let mut page = page;
    for entry in &mut page.items {
        if let Some(part) = cards::best_part(entry.song())? {
            *entry = cut(entry, part)?;
        }
    }
    let (next, bytes) = fitting(page, |entry| query.key(entry))?;
    Ok((Reply::Songs { next }, bytes))
}

/// The same entry of a part of its song.
fn cut(entry: &Entry, mut part: Song) -> Result<Entry> {
    if entry.pinned().is_some() {
        part.merge(&Song::new(entry.recording().clone()));
    }
    Entry::new(part, entry.pinned().copied())
}

fn groups(page: Page<Group>, browse: &Browse) -> Result<(Reply, Bytes)> {
    let (next, bytes) = fitting(page, |group| Some(browse.key(group)))?;
    Ok((Reply::Groups { next }, bytes))
}

fn fitting<T: serde::Serialize>(
    mut page: Page<T>,
    key: impl Fn(&T) -> Option<kadenza_contract::SortKey>,
) -> Result<(Option<kadenza_contract::Cursor>, Bytes)> {
    loop {
        let bytes = cards::json(&page.items)?;
        if bytes.len() <= CARD_BYTES_MAX || page.items.len() <= 1 {
            return Ok((page.next, bytes.into()));
        }
        page.items.truncate(page.items.len() / 2);
        page.next = page
            .items
            .last()
            .and_then(&key)
            .map(kadenza_contract::Cursor::behind);
    }
}

fn digests(attachment: &Bytes, parts: Parts) -> Result<Vec<(u16, Digest)>> {
    let (lines, rest) = attachment.as_chunks::<COMPARED_BYTES>();
    if !rest.is_empty() || lines.len() > usize::from(parts.count()) {
        return Err(Error::Invalid {
            what: "a comparison is lines of 18 bytes, one a part".into(),
        });
    }
    let line = |line: &[u8; COMPARED_BYTES]| {
        let (number, digest) = line.split_first_chunk::<2>()?;
        let number = u16::from_be_bytes(*number);
        (number < parts.count()).then_some((number, *digest.first_chunk::<16>()?))
    };
    Ok(lines.iter().filter_map(line).collect())
}

fn items(attachment: &Bytes) -> Result<Vec<Item>> {
    let (lines, rest) = attachment.as_chunks::<64>();
    if !rest.is_empty() || lines.len() > OFFER_ITEMS_MAX {
        return Err(Error::Invalid {
            what: "an offer is lines of 64 bytes".into(),
        });
    }
    let item = |line: &[u8; 64]| {
        let (id, version) = line.split_first_chunk::<32>()?;
        Some(Item {
            id: SongId::from_bytes(*id),
            version: *version.first_chunk::<32>()?,
        })
    };
    Ok(lines.iter().filter_map(item).collect())
}

async fn picture(
    node: &dyn Replica,
    content: &ContentHash,
    size: Option<u32>,
    offset: u64,
) -> Result<(Reply, Bytes)> {
    let Some(artwork) = node.artwork(content, size).await? else {
        return Ok((Reply::Artwork { picture: None }, Bytes::new()));
    };
    let total = artwork.bytes.len();
    let start = usize::try_from(offset).unwrap_or(total).min(total);
    let end = (start + ATTACHMENT_BYTES_MAX).min(total);
    let picture = Some((artwork.content_type, total as u64));
    Ok((Reply::Artwork { picture }, artwork.bytes.slice(start..end)))
}
