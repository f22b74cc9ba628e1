//! Uploading: the audio to the replicas of the song, then its card to the holders of its terms.
//!
//! The order is what makes an upload all or nothing: until the audio is durable on a majority
//! there is no card, and so nothing to be found.

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    slice,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future, stream::FuturesUnordered};
use kadenza_contract::{Chunks, Error, NewSong, Outcome, Recording, Result, Song, Upload};
use kadenza_protocol::{layout::View, terms};
use tokio::time::{Instant, sleep_until};

use crate::{
    Contact, Key,
    cluster::Cluster,
    kademlia::Placement,
    outside::store::StagedUpload,
    replicas::responsible::{About, Responsible},
    uploading::push::{SpooledRecording, push},
};

/// Once a majority has it, this long the others are waited for, so that usually all copies are
/// there when an upload is acknowledged. They go on afterwards.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is tried when nodes have failed or the layout has changed meanwhile.
const ATTEMPTS: usize = 5;
/// How often a busy replica is asked again, and after what pause: for 6 s in all.
const BUSY_ATTEMPTS: usize = 60;
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// How many machines are named in a refusal.
const MACHINES_TOLD_MAX: usize = 5;

impl Cluster {
    /// Adds a song.
    pub(crate) async fn upload(self: &Arc<Self>, new: NewSong) -> Result<Upload> {
        let staged = self.store().stage(new).await.map_err(|error| match error {
            // Whoever asks several machines must know which one this was.
            Error::Full { machines } if machines.is_empty() => Error::Full {
                machines: format!("{}: full", self.own().address),
            },
            error => error,
        })?;
        // From here on it happens entirely, whether or not the caller still waits.
        let cluster = self.clone();
        let placed = self.task(async move { cluster.place(staged).await });
        placed.end().await.unwrap_or_else(|no_end| {
            Err(Error::Storage {
                doing: "placing an upload",
                cause: Box::new(no_end),
            })
        })
    }

    async fn place(self: Arc<Self>, staged: Arc<dyn StagedUpload>) -> Result<Upload> {
        let mut own = staged.song().clone();
        // Uploads of the same song through this node go one after the other.
        let _turn = self.turns.take(own.id()).await;
        // Whoever is no majority takes nothing in. Whether the song is there already can be unknown though, where those
        // are away that know: then it is added, and what they have is merged with it.
        if self.assure().await.is_none() {
            return Err(self.refusal(&[], 1, self.responsible(own.id().into()).needed()));
        }
        let mut found = self.known_of(own.id()).await;
        // A library whose reader gave only the first of several artists may know the song by that one.
        let mut _other_turn = None;
        if found.song.is_none()
            && let Some(earlier) = staged.earlier()
        {
            let id = earlier.id();
            _other_turn = Some(self.turns.take(id).await);
            let known = self.known_of(id).await;
            let is_it = |known: &Song| known.is_earlier_form_of(own.tags());
            if known.song.as_ref().is_some_and(is_it) {
                own = earlier.clone();
                found = known;
            }
        }
        let (chunks, from_path) = (staged.chunks().clone(), staged.told_by_path());
        let mut holders = found.holders_of(&chunks.content());
        let source = SpooledRecording(staged.as_ref());
        let shown = holders
            .iter()
            .map(|node| self.has_shown(*node, &chunks, &source));
        let shown = future::join_all(shown).await;
        let mut shown = shown.iter().map(Result::is_ok);
        holders.retain(|_| shown.next().unwrap_or(false));
        let outcome = match (holders.len(), found.holders.len()) {
            (0, 0) => Outcome::Added,
            (0, _) => Outcome::RecordingAdded,
            _ => Outcome::AlreadyThere,
        };
        let mut song = own;
        if let Some(known) = &found.song {
            known.admits(&chunks.content())?;
            song.merge(known);
        }
        // An earlier upload may have left fewer copies than must be: then this one completes them.
        let holders: Vec<Key> = holders.iter().map(|holder| holder.id).collect();
        let responsible = self.responsible(song.id().into());
        let mut stored = Vec::new();
        if !responsible.is_written(&holders, false)
            && let Some(recording) = song.recording(&chunks.content()).cloned()
        {
            stored = self.store_on_majority(staged, recording, &chunks).await?;
        }
        if song.recordings().len() > 1 {
            // Who stores a recording knows only that one of its song.
            stored.clear();
        }
        if outcome == Outcome::AlreadyThere
            && let Some(known) = found.song
        {
            song = known;
        }
        self.spread_card(&song, stored).await?;
        Ok(Upload {
            song,
            outcome,
            from_path,
        })
    }

    /// Makes a recording durable on a majority of the replicas of its song; the others follow. Where some of them have
    /// no room for it, others stand in for them. Gives the nodes that have it.
    async fn store_on_majority(
        self: &Arc<Self>,
        staged: Arc<dyn StagedUpload>,
        recording: Recording,
        chunks: &Arc<Chunks>,
    ) -> Result<Vec<Key>> {
        let id = recording.tags.song_id();
        let (mut failed, mut needed) = (Vec::new(), 1);
        let mut stored: Vec<Key> = Vec::new();
        // By the nodes for which they stand in.
        let mut stand_ins: BTreeMap<Key, Key> = BTreeMap::new();
        let mut without_room: HashSet<Key> = HashSet::new();
        for _ in 0..ATTEMPTS {
            let responsible = self.responsible(id.into());
            // Who has become responsible stands in for nobody.
            let is_responsible = |node: &Key| responsible.nodes.iter().any(|of| of.id == *node);
            stand_ins.retain(|_, stand_in| !is_responsible(stand_in));
            let missing = responsible.nodes.iter().copied();
            let missing = missing.filter(|node| !stored.contains(&node.id)).collect();
            needed = responsible.needed();
            let task = |node| {
                let (staged, recording, chunks) =
                    (staged.clone(), recording.clone(), chunks.clone());
                self.clone().store_on(node, staged, recording, chunks)
            };
            let enough = |stored: &[Key]| self.is_written(&responsible, stored);
            failed = self.on_each(missing, &task, &mut stored, enough).await;
            for (node, error) in &failed {
                let written: Vec<Key> = stored.iter().chain(stand_ins.keys()).copied().collect();
                // Beyond what counts as written, repair finds a place.
                let is_needed = !enough(&written) && matches!(error, Error::Full { .. });
                if is_needed && !stand_ins.contains_key(&node.id) {
                    let placement = Placement::new(Arc::clone(responsible.view.shares()));
                    let mut others = placement.stand_ins(id, &node.id);
                    others.retain(|other| {
                        let is_taken = stand_ins.values().any(|taken| taken == other);
                        !is_taken && !is_responsible(other) && !without_room.contains(other)
                    });
                    let view = &responsible.view;
                    let stand_in = self.on_one_of(&others, view, &task, &mut without_room);
                    let stand_in = stand_in.await;
                    stand_ins.extend(stand_in.map(|stand_in| (node.id, stand_in)));
                }
            }
            let written: Vec<Key> = stored.iter().chain(stand_ins.keys()).copied().collect();
            if self
                .counts_as_written(slice::from_ref(&responsible), &written)
                .await
            {
                for (node, _) in &failed {
                    self.repairing().doubt(node.id);
                }
                stored.extend(stand_ins.into_values());
                return Ok(stored);
            }
        }
        Err(self.refusal(&failed, stored.len(), needed))
    }

    /// Carries a task out for the first of some nodes that succeeds at it; none if none does. Notes who has no room.
    async fn on_one_of<F>(
        &self,
        nodes: &[Key],
        view: &View,
        task: impl Fn(Contact) -> F,
        without_room: &mut HashSet<Key>,
    ) -> Option<Key>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let heard = nodes.iter().filter(|node| !self.members().is_unheard(node));
        for contact in heard.filter_map(|node| view.layout().contact(node)) {
            let ended = self.task(task(contact)).end().await;
            match ended {
                Ok(Ok(())) => return Some(contact.id),
                Ok(Err(Error::Full { .. })) => drop(without_room.insert(contact.id)),
                Ok(Err(_)) | Err(_) => {}
            }
            tracing::debug!(peer = ?contact, ?ended, "it does not stand in for a full node");
        }
        None
    }

    async fn store_on(
        self: Arc<Self>,
        node: Contact,
        staged: Arc<dyn StagedUpload>,
        recording: Recording,
        chunks: Arc<Chunks>,
    ) -> Result<()> {
        let replica = self.replica(node);
        let source = SpooledRecording(staged.as_ref());
        for _ in 0..BUSY_ATTEMPTS {
            match push(replica.as_ref(), &recording, &chunks, &source).await {
                // Somebody else is giving it the very same: soon it has it.
                Err(Error::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
                Ok(_) => return self.has_shown(node, &chunks, &source).await,
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// Makes the card of a song durable on a majority of its replicas and of the holders of each of its terms. Some
    /// nodes have it already.
    async fn spread_card(self: &Arc<Self>, song: &Song, mut stored: Vec<Key>) -> Result<()> {
        let (mut failed, mut needed) = (Vec::new(), 1);
        for _ in 0..ATTEMPTS {
            let holders = self.holders_of_card(song);
            needed = holders.iter().map(Responsible::needed).max().unwrap_or(1);
            let nodes: BTreeMap<Key, Contact> = holders
                .iter()
                .flat_map(|responsible| responsible.nodes.iter())
                .map(|node| (node.id, *node))
                .collect();
            let missing = nodes
                .into_values()
                .filter(|node| !stored.contains(&node.id))
                .collect();
            let task = |node| {
                let (cluster, song) = (self.clone(), song.clone());
                async move { cluster.replica(node).add_cards(&[song]).await }
            };
            let enough = |stored: &[Key]| {
                let mut holders = holders.iter();
                holders.all(|responsible| self.is_written(responsible, stored))
            };
            failed = self.on_each(missing, task, &mut stored, enough).await;
            if self.counts_as_written(&holders, &stored).await {
                return Ok(());
            }
        }
        Err(self.refusal(&failed, stored.len(), needed))
    }

    fn is_written(&self, responsible: &Responsible, on: &[Key]) -> bool {
        responsible.is_written(on, self.members().are_established(&responsible.view))
    }

    /// Whether what is on these nodes counts as written: a majority of the members agrees that these are the nodes.
    async fn counts_as_written(self: &Arc<Self>, responsible: &[Responsible], on: &[Key]) -> bool {
        let Some(view) = self.assure().await else {
            return false;
        };
        let mut all = responsible.iter();
        all.all(|of| of.view.digest() == view.digest() && self.is_written(of, on))
    }

    /// Why an upload is refused, with the machines that keep it from succeeding.
    fn refusal(&self, failed: &[(Contact, Error)], reached: usize, needed: usize) -> Error {
        let told = |(node, error): &(Contact, Error)| match error {
            Error::Full { .. } => format!("{}: full", node.address),
            error => format!("{}: {error}", node.address),
        };
        let mut machines: Vec<String> = failed.iter().map(told).collect();
        let full = |(_, error): &(Contact, Error)| matches!(error, Error::Full { .. });
        let is_full = !failed.is_empty() && failed.iter().all(full);
        let told: HashSet<Key> = failed.iter().map(|(node, _)| node.id).collect();
        let silent = self.members().others().into_iter();
        let silent =
            silent.filter(|node| self.members().is_unheard(&node.id) && !told.contains(&node.id));
        machines.extend(silent.map(|node| format!("{}: no answer", node.address)));
        let more = machines.len().saturating_sub(MACHINES_TOLD_MAX);
        machines.truncate(MACHINES_TOLD_MAX);
        if more > 0 {
            machines.push(format!("{more} more"));
        }
        let machines = machines.join("; ");
        // Full machines are a clearer reason than too few.
        match is_full {
            true => Error::Full { machines },
            false => Error::TooFew {
                reached,
                needed,
                machines,
            },
        }
    }

    /// The nodes responsible for a song and for each of its terms, all under the same layout.
    fn holders_of_card(&self, song: &Song) -> Vec<Responsible> {
        let view = self.members().view();
        let terms = terms::of_song(song);
        let terms = terms.iter().map(|term| Key::of_term(term));
        let keys = std::iter::once(song.id().into()).chain(terms);
        let of = |key| Responsible::of(Arc::clone(&view), About::Key(key));
        keys.map(of).collect()
    }

    /// Carries a task out for each node at once, each as a task of its own. Ends when all have ended,
    /// or a little after `enough` have: the rest goes on by itself. Notes the nodes that succeeded, and gives
    /// those that failed.
    async fn on_each<F>(
        self: &Arc<Self>,
        nodes: Vec<Contact>,
        task: impl Fn(Contact) -> F,
        succeeded: &mut Vec<Key>,
        enough: impl Fn(&[Key]) -> bool,
    ) -> Vec<(Contact, Error)>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut tasks: FuturesUnordered<_> = nodes
            .into_iter()
            .map(|node| {
                let task = self.task(task(node));
                async move { (node, task.end().await) }
            })
            .collect();
        let mut failed = Vec::new();
        let mut until: Option<Instant> = None;
        loop {
            let over = async {
                match until {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ended = tasks.next() => match ended {
                    None => return failed,
                    Some((node, Ok(Ok(())))) => succeeded.push(node.id),
                    Some((node, Ok(Err(error)))) => {
                        tracing::debug!(peer = ?node, error = error.chain(), "a node did not take its part of an upload");
                        failed.push((node, error));
                    }
                    Some((node, Err(no_end))) => {
                        let no_end = Error::storage("storing an upload")(no_end.into());
                        failed.push((node, no_end));
                    }
                },
                () = over => return failed,
            }
            if until.is_none() && enough(succeeded) {
                until = Some(Instant::now() + GRACE);
            }
        }
    }
}
