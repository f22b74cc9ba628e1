//! Finding a song and its cover among the nodes.

use std::{sync::Arc, time::Duration};

use kadenza_contract::{
    Artwork, ArtworkRequest, ContentHash, Copies, Error, Lyrics, Recording, RecordingCopies,
    Result, Song, SongId,
};

use crate::{
    Contact,
    cluster::Cluster,
    replicas::{
        ask::Answers,
        replica::{Known, Replica},
        responsible::About,
    },
};

/// How long is waited before each time that holders are asked for, in milliseconds. Together they are
/// as long as a slow replica takes, and short enough for a listener.
const HOLDERS_PAUSES_MS: [u64; 4] = [0, 50, 150, 400];

/// A song as all responsible nodes together know it, and the nodes that hold its audio.
#[derive(Debug, Default)]
pub(crate) struct SongHolders {
    /// The song with all recordings that any of them knows.
    pub(crate) song: Option<Song>,
    /// The holders, each with a recording that it holds.
    pub(crate) holders: Vec<(Contact, ContentHash)>,
    /// Whether there is nothing else: enough have answered.
    pub(crate) is_all: bool,
}

impl SongHolders {
    fn of(answers: Answers<Known>) -> SongHolders {
        let mut found = SongHolders {
            is_all: answers.suffice(),
            ..SongHolders::default()
        };
        found.take_in(answers.given);
        found
    }

    fn take_in(&mut self, answers: Vec<(Contact, Known)>) {
        for (contact, known) in answers {
            let held = known.held.into_iter();
            self.holders.extend(held.map(|content| (contact, content)));
            match (&mut self.song, known.song) {
                (Some(song), Some(other)) => {
                    song.merge(&other);
                }
                (none @ None, other) => *none = other,
                (Some(_), None) => {}
            }
        }
    }

    /// The nodes that hold a recording.
    pub(crate) fn holders_of(&self, content: &ContentHash) -> Vec<Contact> {
        let held = self.holders.iter().filter(|(_, held)| held == content);
        held.map(|(contact, _)| *contact).collect()
    }
}

impl Cluster {
    /// Looks a song up. A card here proves that there is such a song; else its replicas are asked.
    pub(crate) async fn song(self: &Arc<Self>, id: &SongId) -> Result<Option<Song>> {
        if let Some(card) = self.store().card(id).await? {
            return Ok(Some(card.song));
        }
        let id = *id;
        let answers = self
            .ask(
                About::Key(id.into()),
                |node| async move { node.song(id).await },
                |known| known.song.is_some(),
            )
            .await;
        let (suffice, too_few) = (answers.suffice(), answers.too_few());
        match SongHolders::of(answers).song {
            Some(song) => Ok(Some(song)),
            None if suffice => Ok(None),
            None => Err(too_few),
        }
    }

    /// On how many of the nodes within reach each recording of a song is.
    pub(crate) async fn copies_of(self: &Arc<Self>, id: SongId) -> Result<Option<Copies>> {
        let needed = self.responsible(id.into()).needed() as u64;
        let found = self.everything_of(id).await?;
        Ok(found.song.as_ref().map(|song| Copies {
            recordings: song
                .recordings()
                .iter()
                .map(|recording| RecordingCopies {
                    content_hash: recording.content,
                    copies: found.holders_of(&recording.content).len() as u64,
                    needed,
                })
                .collect(),
        }))
    }

    /// Everything that the replicas of a song know of it. An error if too few answered to be sure
    /// that there is no more.
    pub(crate) async fn everything_of(self: &Arc<Self>, id: SongId) -> Result<SongHolders> {
        let answers = self.all_that_know(id).await;
        let too_few = answers.too_few();
        let found = self.with_stand_ins(id, SongHolders::of(answers)).await;
        match found.is_all || !found.holders.is_empty() {
            true => Ok(found),
            false => Err(too_few),
        }
    }

    /// What is known of a song within reach, be it all or not.
    pub(crate) async fn known_of(self: &Arc<Self>, id: SongId) -> SongHolders {
        let answers = self.all_that_know(id).await;
        self.with_stand_ins(id, SongHolders::of(answers)).await
    }

    /// Where too few of the responsible hold a recording, since they had no room for it, others hold it in their stead.
    async fn with_stand_ins(self: &Arc<Self>, id: SongId, mut found: SongHolders) -> SongHolders {
        let responsible = self.responsible(id.into());
        let known = found.song.as_ref().map_or(&[][..], Song::recordings);
        let has_too_few =
            |of: &Recording| found.holders_of(&of.content).len() < responsible.needed();
        let may_be_elsewhere = match &found.song {
            Some(_) => known.iter().any(has_too_few),
            None => !found.is_all,
        };
        if !may_be_elsewhere {
            return found;
        }
        let mut others = self.placed_among();
        others.retain(|node| {
            !responsible.nodes.contains(node) && !self.members().is_unheard(&node.id)
        });
        let question = |node: Arc<dyn Replica>| async move { node.song(id).await };
        found.take_in(self.ask_some(&others, question).await);
        found
    }

    async fn all_that_know(self: &Arc<Self>, id: SongId) -> Answers<Known> {
        let question = |node: Arc<dyn Replica>| async move { node.song(id).await };
        self.ask(About::Key(id.into()), question, |_| false).await
    }

    /// The nodes that hold a recording of a song that is known, the fastest first; at least one.
    ///
    /// While the song is on its way to its replicas, one of them may have it, and so the song be
    /// known, and answer later than the others, which do not have it yet. So they are asked again.
    pub(crate) async fn holders(
        self: &Arc<Self>,
        song: SongId,
        content: &ContentHash,
    ) -> Result<Vec<Contact>> {
        for pause in HOLDERS_PAUSES_MS {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let found = self.everything_of(song).await?;
            let mut holders = found.holders_of(content);
            if !holders.is_empty() {
                holders.sort_by_key(|holder| self.caller().patience(holder));
                return Ok(holders);
            }
        }
        Err(nobody_holds(song))
    }

    /// The recordings of a song that some node holds, the best first; at least one. Asked again for a
    /// moment if there is none, as for [`holders`](Cluster::holders).
    pub(crate) async fn held_recordings(self: &Arc<Self>, song: SongId) -> Result<Vec<Recording>> {
        for pause in HOLDERS_PAUSES_MS {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let found = self.everything_of(song).await?;
            let all = found.song.as_ref().map_or(&[][..], Song::recordings);
            let held = all
                .iter()
                .filter(|recording| !found.holders_of(&recording.content).is_empty());
            let held: Vec<Recording> = held.cloned().collect();
            if !held.is_empty() {
                return Ok(held);
            }
        }
        Err(nobody_holds(song))
    }

    /// The lyrics of a song: of its best recording that has some and is held, from this node or from the first
    /// holder that gives them.
    pub(crate) async fn lyrics(self: &Arc<Self>, id: &SongId) -> Result<Option<Lyrics>> {
        let Some(song) = self.song(id).await? else {
            return Ok(None);
        };
        let mut failed = None;
        for recording in song.recordings() {
            match self.store().lyrics(&recording.content).await {
                Ok(Some(here)) => return Ok(Some(here)),
                Ok(None) => {}
                Err(busy @ Error::Busy) => return Err(busy),
                Err(error) => failed = Some(error),
            }
        }
        for recording in self.held_recordings(*id).await? {
            let holders = self.holders(*id, &recording.content).await?;
            // All holders of a recording have the same audio, so that one which finds none is an answer.
            let question = |holder| {
                let replica = self.replica(holder);
                async move { replica.lyrics(&recording.content).await.map(Some) }
            };
            match self.first_given(holders, question).await {
                Ok(Some(Some(lyrics))) => return Ok(Some(lyrics)),
                Ok(_) => failed = None,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The cover of a song: of its best recording that has one and is held, from this node or from the
    /// first holder that gives it.
    pub(crate) async fn artwork(
        self: &Arc<Self>,
        request: &ArtworkRequest,
    ) -> Result<Option<Artwork>> {
        let Some(song) = self.song(&request.song).await? else {
            return Ok(None);
        };
        let mut with_cover = song.recordings().iter().filter(|of| of.has_artwork);
        let Some(best) = with_cover.next() else {
            return Ok(None);
        };
        let here = self.store().artwork(&best.content, request.size).await;
        let mut failed = None;
        match here {
            Ok(Some(here)) => return Ok(Some(here)),
            Ok(None) => {}
            Err(invalid @ (Error::Invalid { .. } | Error::Busy)) => return Err(invalid),
            Err(error) => failed = Some(error),
        }
        for recording in self.held_recordings(request.song).await? {
            if !recording.has_artwork {
                continue;
            }
            let holders = self.holders(request.song, &recording.content).await?;
            let question = |holder| {
                let replica = self.replica(holder);
                async move { replica.artwork(&recording.content, request.size).await }
            };
            match self.first_given(holders, question).await {
                Ok(Some(artwork)) => return Ok(Some(artwork)),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

/// The song is known, and its audio or cover is on no node that answers.
pub(crate) fn nobody_holds(song: SongId) -> Error {
    Error::Unreachable {
        place: format!("a holder of the audio of song {song}"),
        cause: "none of the nodes within reach holds it".into(),
    }
}
