//! Coming to the same layout as the others, and holding a lease of it.

use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::FuturesUnordered};
use kadenza_contract::{Error, Result};
use kadenza_protocol::layout::{Layout, OtherNetwork, Standing, View};
use tokio::time::{Instant, timeout_at};

use crate::{
    Contact, Key, Reply, Request,
    cluster::Cluster,
    rpc::{Answer, CallError},
};

/// How long a node may take to answer what it knows by heart.
const PROMPT: Duration = Duration::from_secs(2);
/// How often all are asked for their word anew because the layout changed meanwhile.
const ROUNDS: usize = 3;
/// How many nodes are asked at once.
const AT_ONCE: usize = 16;
/// How often all are asked while all is well, and how often while songs are added: the digests in their answers tell
/// whether they lack any. Nodes that die are noticed earlier by whoever needs them.
const CALM: Duration = Duration::from_secs(60);
const WHILE_SONGS_ARE_ADDED: Duration = Duration::from_secs(15);
/// How often all are asked while something changes: the more there are, the less often.
const BUSY_A_NODE: Duration = Duration::from_millis(20);
const BUSY_MIN: Duration = Duration::from_millis(100);
const BUSY_MAX: Duration = Duration::from_secs(2);
/// After this long without an answer, others take over from a node without which too few are left to be written to.
const MISSED_AFTER_MS: u64 = 3_000;
/// The member with the lowest id admits those that join; the others do if it has not for this long.
const ADMITTED_AFTER_MS: u64 = 2_000;
/// The most earlier versions with which a new one may begin: each has to be asked.
const HISTORY_MAX: usize = 16;
/// The most members of a network, those that are gone among them.
const MEMBERS_MAX: usize = 4096;
/// The most bytes of a layout on its way.
const LAYOUT_BYTES_MAX: usize = 1 << 20;

impl Cluster {
    /// Holds a lease of the layout, and says of which one. None if no majority agrees: then this node can neither
    /// acknowledge nor deny anything.
    pub(crate) async fn assure(self: &Arc<Self>) -> Option<Arc<View>> {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            if let Some(view) = self.assured() {
                return Some(view);
            }
            // Many wait for the same answers, and for the same silence.
            let mut failed = self.members().assuring.lock().await;
            if let Some(view) = self.assured() {
                return Some(view);
            }
            if failed.is_some_and(|at| at >= began) {
                return None;
            }
            let layout = self.members().view().digest();
            let mut asked: FuturesUnordered<_> = self
                .members()
                .others()
                .into_iter()
                .map(|node| async move { drop(self.hail(&node).await) })
                .collect();
            while asked.next().await.is_some() {
                if let Some(view) = self.assured() {
                    return Some(view);
                }
            }
            if self.members().view().digest() == layout {
                *failed = Some(Instant::now());
                return None;
            }
        }
        None
    }

    /// Whether this node is a member within reach of a majority, and nobody has to ask nodes that were responsible
    /// before it.
    pub(crate) async fn is_settled(self: &Arc<Self>) -> bool {
        let Some(view) = self.assure().await else {
            return false;
        };
        let layout = view.layout();
        layout.current().placed.contains_key(&self.own().id) && layout.history().is_empty()
    }

    fn assured(&self) -> Option<Arc<View>> {
        let view = self.members().view();
        self.members().hold_lease(&view).then_some(view)
    }

    /// Asks a node whether it is there, and whether it knows the same layout; otherwise each learns from the other.
    /// Waits for a silent one too: so it is found out that it is there again.
    pub(crate) async fn ping(self: &Arc<Self>, node: &Contact) -> Result<()> {
        let asked_ms = self.outside().env.now_ms();
        let answer = self
            .caller()
            .call_in_full(node, &Request::Ping, Bytes::new(), PROMPT);
        let answer = answer.await;
        self.heard(node, answer, asked_ms).await?;
        Ok(())
    }

    /// The same, for somebody who waits: a node that has fallen silent is passed over. Gives the digest of the layout
    /// that it knows, and that of what it holds and this node must hold too.
    pub(crate) async fn hail(self: &Arc<Self>, node: &Contact) -> Result<(Key, Option<Key>)> {
        let asked_ms = self.outside().env.now_ms();
        let answer = self
            .caller()
            .call(node, &Request::Ping, Bytes::new(), PROMPT)
            .await;
        self.heard(node, answer, asked_ms).await
    }

    async fn heard(
        self: &Arc<Self>,
        node: &Contact,
        answer: Result<Answer<Reply>, CallError>,
        asked_ms: u64,
    ) -> Result<(Key, Option<Key>)> {
        let answer = match answer {
            Ok(answer) => answer.reply,
            Err(error) => {
                self.members().unheard(node.id);
                return Err(error.into());
            }
        };
        let Reply::Pong {
            layout,
            belongs,
            http,
            synced,
            holds,
            accounts,
        } = answer
        else {
            return Err(strange(node, "something else than a pong"));
        };
        if self.members().said(&node.id, http, synced) {
            // It may have missed something.
            self.repairing().doubt(node.id);
        }
        if *layout.as_bytes() == self.members().view().digest() {
            self.members().agreed(node.id, layout.as_bytes(), asked_ms);
            if let Some(theirs) = &holds {
                self.told_root(&node.id, theirs);
            }
        } else {
            self.exchange(node).await?;
        }
        if belongs {
            self.members().met_network();
        }
        if let Some(theirs) = accounts {
            self.told_accounts(node, theirs);
        }
        Ok((layout, holds))
    }

    /// Gives a node the layout, and learns its own.
    async fn exchange(self: &Arc<Self>, node: &Contact) -> Result<()> {
        let ours = encoded(self.members().view().layout())?;
        let asked_ms = self.outside().env.now_ms();
        let caller = self.caller();
        let answer = caller
            .call_in_full(node, &Request::Layout, ours, PROMPT)
            .await?;
        let Reply::Layout = answer.reply else {
            return Err(strange(node, "something else than a layout"));
        };
        let theirs =
            decoded(&answer.attachment).ok_or_else(|| strange(node, "a layout that is none"))?;
        self.learn(&theirs).await?;
        self.members().agreed(node.id, &theirs.digest(), asked_ms);
        Ok(())
    }

    /// A node gives its layout, and learns this one.
    pub(crate) async fn layout_from(&self, theirs: &Bytes) -> Result<Bytes> {
        let theirs = decoded(theirs).ok_or_else(|| Error::Invalid {
            what: "a layout that is none".into(),
        })?;
        self.learn(&theirs).await?;
        encoded(self.members().view().layout())
    }

    async fn learn(&self, theirs: &Layout) -> Result<()> {
        let learned = self.members().learn(theirs).await.map_err(not_kept)?;
        learned.map_err(|OtherNetwork| Error::Invalid {
            what: "it belongs to another network, and two networks never become one".into(),
        })
    }

    /// Asks all that are known, whether members or not.
    pub(crate) async fn ask_around(self: &Arc<Self>) {
        let view = self.members().view();
        let own = self.own().id;
        let known = view.layout().members().iter();
        let known = known.filter(|(id, member)| **id != own && member.standing != Standing::Gone);
        let known: Vec<Contact> = known
            .filter_map(|(id, _)| view.layout().contact(id))
            .collect();
        stream::iter(known)
            .for_each_concurrent(AT_ONCE, |node| async move {
                if let Err(error) = self.ping(&node).await {
                    tracing::debug!(peer = ?node, error = error.chain(), "a member does not answer");
                }
            })
            .await;
    }

    /// Looks after the layout until the task is ended.
    pub(crate) async fn tend(self: Arc<Self>) {
        let mut repaired = 0;
        loop {
            let songs = self.store().generation();
            self.ask_around().await;
            if let Err(error) = self.look_after().await {
                tracing::error!(%error, "the list of members could not be written; the layout stays as it is");
            }
            let view = self.members().view();
            let members = view.layout().members().iter();
            let gone = members.filter(|(_, member)| member.standing == Standing::Gone);
            gone.for_each(|(id, _)| self.caller().give_up(id));
            let number = view.layout().current().number;
            if number > repaired && self.members().are_established(&view) {
                // What was written under earlier versions is given to those that are responsible now.
                repaired = number;
                self.repairing().wake();
            }
            let until = Instant::now() + self.pause(&view, songs);
            while let Ok(lost) = timeout_at(until, self.something_happens()).await {
                let is_new = |id: &Key| !self.members().is_unheard(id);
                if lost.is_empty() || lost.iter().any(is_new) {
                    break;
                }
            }
        }
    }

    /// How long after this round all are asked again.
    fn pause(&self, view: &View, songs: u64) -> Duration {
        let members = self.members();
        if members.are_in_motion(view) {
            let others = u32::try_from(view.layout().members().len()).unwrap_or(u32::MAX);
            return BUSY_A_NODE.saturating_mul(others).clamp(BUSY_MIN, BUSY_MAX);
        }
        let pause = match self.store().generation() == songs {
            true => CALM,
            false => WHILE_SONGS_ARE_ADDED,
        };
        // A silent member is to be noticed before it counts as absent.
        let pause = pause.min(members.absent_after()).max(BUSY_MAX);
        members
            .until_one_is_absent(view)
            .map_or(pause, |until| pause.min(until))
    }

    /// The layout changes, or nodes do not answer a call: which ones.
    async fn something_happens(&self) -> BTreeSet<Key> {
        tokio::select! {
            biased;
            () = self.members().changed() => BTreeSet::new(),
            lost = self.caller().lost() => lost,
        }
    }

    /// Admits who joins, has others take over from who is away, and ends versions whose time is over.
    async fn look_after(self: &Arc<Self>) -> io::Result<()> {
        let members = self.members();
        let view = members.view();
        if !members.hold_lease(&view) {
            return Ok(());
        }
        let mut absent = members.absent();
        absent.extend(view.missed(&members.unheard_for(MISSED_AFTER_MS)));
        let first_needed = members
            .are_established(&view)
            .then(|| members.first_needed(&view));
        let may_begin = view.layout().history().len() < HISTORY_MAX;
        let admits = may_begin && self.admits(&view);
        members
            .change(|layout| {
                if may_begin && layout.standing(&self.own().id) == Some(Standing::Up) {
                    members.say_capacity(layout);
                }
                if admits {
                    layout.admit(|id| !members.is_unheard(id));
                }
                for id in absent.iter().filter(|_| may_begin) {
                    if layout.standing(id) == Some(Standing::Up) && !members.came_lately(id) {
                        tracing::info!(node = %id, "a member does not answer; others take its share over meanwhile");
                        layout.say(*id, |member| member.standing = Standing::Away);
                    }
                }
                if let Some(number) = first_needed {
                    layout.end_before(number);
                }
            })
            .await
    }

    /// Whether it is for this node to admit those that join.
    fn admits(&self, view: &View) -> bool {
        let members = self.members();
        let Some(since) = members.joining_since() else {
            return false;
        };
        let voters = &view.layout().current().voters;
        let mut here = voters.iter().filter(|id| !members.is_unheard(id));
        here.next() == Some(&self.own().id)
            || voters.contains(&self.own().id)
                && self.outside().env.now_ms().saturating_sub(since) >= ADMITTED_AFTER_MS
    }
}

pub(super) fn not_kept(error: io::Error) -> Error {
    Error::storage("writing the list of members down")(error.into())
}

fn strange(node: &Contact, what: &str) -> Error {
    Error::Protocol {
        place: node.address.to_string(),
        what: what.into(),
    }
}

fn encoded(layout: &Layout) -> Result<Bytes> {
    let json = serde_json::to_vec(layout).map_err(|wrong| Error::Invalid {
        what: wrong.to_string(),
    })?;
    if json.len() > LAYOUT_BYTES_MAX {
        return Err(Error::Invalid {
            what: "the layout is larger than a frame".into(),
        });
    }
    Ok(json.into())
}

fn decoded(bytes: &Bytes) -> Option<Layout> {
    let layout: Layout = serde_json::from_slice(bytes).ok()?;
    (layout.members().len() <= MEMBERS_MAX).then_some(layout)
}
