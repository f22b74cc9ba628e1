//! Clients: they upload, look songs up, search, list and listen, through any node that runs.

use std::{sync::Arc, time::Duration};

use kadenza_contract::{
    Browse, Error, Group, GroupKind, MusicService, Outcome, Page, Partial, Query, Result, SongId,
    Sort,
};
use kadenza_distributed::Node;
use tokio::time::{sleep, timeout};

use crate::{
    base::{dice::Dice, log::note},
    checks::{acks, denials, heard, listed, refusals},
    world::{
        history::{Draft, History, PATIENCE},
        machine::Running,
        state::World,
    },
};

/// Asks one thing after the other until the world is healed.
pub(crate) async fn client(world: Arc<World>, number: usize, dice: Dice) {
    let most = world.plan.rest_ms;
    loop {
        sleep(Duration::from_millis(dice.between(most / 4, most * 2))).await;
        if world.is_healing() {
            return;
        }
        let Some(running) = dice.pick(&world.running()) else {
            continue;
        };
        let client = Client {
            world: &world,
            dice: &dice,
            running,
            number,
        };
        client.ask().await;
    }
}

/// Somebody who asks one node.
pub(crate) struct Client<'a> {
    pub(crate) world: &'a World,
    pub(crate) dice: &'a Dice,
    pub(crate) running: Running,
    pub(crate) number: usize,
}

impl Client<'_> {
    async fn ask(&self) {
        match self.dice.below(100) {
            0..35 => self.upload().await,
            35..55 => self.song().await,
            55..75 => self.search().await,
            75..82 => self.browse().await,
            82..97 => self.listen().await,
            _ => self.status().await,
        }
    }

    /// Has the node do something. None if no answer comes, be it that the node died or that it takes too long.
    async fn of_node<T, F>(&self, what: &str, ask: impl FnOnce(Node) -> F) -> Option<Result<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let asked = ask(self.running.node.clone());
        let answer = timeout(PATIENCE, self.running.life.run(asked)).await;
        let answer = answer.ok().flatten();
        let told = match &answer {
            None => "no answer".to_owned(),
            Some(Ok(_)) => "answered".to_owned(),
            Some(Err(error)) => error.chain(),
        };
        let (client, machine) = (self.number, self.running.machine);
        note!(
            self.world.log,
            "client {client} {what} at {machine}: {told}"
        );
        if !matches!(answer, Some(Ok(_))) {
            refusals::refused(self.world, machine, what, &told);
        }
        let kind = what.split(' ').next().unwrap_or_default();
        let end = match &answer {
            None => "without an answer",
            Some(Ok(_)) => "answered",
            Some(Err(_)) => "refused",
        };
        self.world.count(format!("{kind} {end}"));
        answer
    }

    async fn upload(&self) {
        let plan = &self.world.plan;
        let history = &self.world.history;
        let Some(draft) = history.draft(self.dice, plan.songs_max, plan.large) else {
            return;
        };
        self.uploads(&draft).await;
    }

    /// Uploads something. Says whether it was acknowledged.
    pub(crate) async fn uploads(&self, draft: &Draft) -> bool {
        let machine = self.running.machine;
        let before = self.world.change(machine, |machine| machine.layout());
        let song = draft.song();
        let what = format!("upload {:.8} {:.8}", draft.id, draft.content);
        let upload = self.of_node(&what, |node| async move { node.upload(song).await });
        let Some(Ok(upload)) = upload.await else {
            return false;
        };
        if upload.song.id() != draft.id || upload.song.recording(&draft.content).is_none() {
            self.world
                .wrong(format!("machine {machine} took another song: {upload:?}"));
        }
        if upload.outcome == Outcome::AlreadyThere {
            self.world.count("uploads already there");
        }
        let what = (&upload.song, &draft.content);
        acks::acknowledged(self.world, machine, before.as_ref(), what);
        self.world.history.acknowledge(draft, &upload);
        true
    }

    async fn song(&self) {
        if let Some(id) = self.dice.pick(&self.world.history.ids()) {
            self.looks_up(id).await;
        }
    }

    /// Looks a song up.
    pub(crate) async fn looks_up(&self, id: SongId) {
        let asked = self.world.history.asked();
        let what = format!("song {id:.8}");
        let song = self.of_node(&what, |node| async move { node.song(&id).await });
        match song.await {
            Some(Ok(Some(song))) => denials::given(self.world, self.running.machine, &id, &song),
            Some(Ok(None)) => {
                self.world.count("songs denied");
                denials::song(self.world, self.running.machine, asked, &id);
            }
            Some(Err(_)) | None => {}
        }
    }

    async fn search(&self) {
        let (word, artist, album) = History::words(self.dice);
        let mut query = Query::all();
        match self.dice.below(4) {
            0 => query.artist = Some(artist),
            1 => query.album = Some(album),
            2 => query.sort = Sort::Title,
            _ => {
                let Ok(words) = Query::words(&word) else {
                    return;
                };
                query = words;
            }
        }
        self.searches(query).await;
    }

    /// Asks for a list, to its end.
    pub(crate) async fn searches(&self, query: Query) {
        let asked = self.world.history.asked();
        let what = format!("search {:?}{:?}{:?}", query.text, query.artist, query.album);
        let hits = self.of_node(&what, |node| listed::walk(node, query.clone()));
        if let Some(Ok(hits)) = hits.await {
            let machine = self.running.machine;
            for hit in &hits.items {
                denials::given(self.world, machine, &hit.song().id(), hit.song());
            }
            denials::list(self.world, machine, asked, &query, &hits);
        }
    }

    async fn browse(&self) {
        let kinds = [GroupKind::Artist, GroupKind::Album];
        let kind = self.dice.pick(&kinds).unwrap_or(GroupKind::Artist);
        let browse = Browse::all(kind);
        let asked = self.world.history.asked();
        let question = browse.clone();
        let groups = self.of_node("browse", |node| all_groups(node, question));
        if let Some(Ok(groups)) = groups.await {
            denials::groups(self.world, self.running.machine, asked, &browse, &groups);
        }
    }

    async fn listen(&self) {
        if let Some(id) = self.dice.pick(&self.world.history.ids()) {
            self.listens(id).await;
        }
    }

    /// Listens to a song. Says whether all of it was heard.
    pub(crate) async fn listens(&self, id: SongId) -> bool {
        let asked = self.world.history.asked();
        let what = format!("listen {id:.8}");
        let audio = self.of_node(&what, |node| listed::listen(node, id, None));
        let machine = self.running.machine;
        match audio.await {
            Some(Ok(Some((content, bytes)))) => {
                heard::bytes(self.world, machine, (&id, &content), &bytes, true);
                return true;
            }
            Some(Ok(None)) => denials::song(self.world, machine, asked, &id),
            Some(Err(Error::Damaged { .. })) => self.world.count("audio damaged"),
            Some(Err(_)) | None => {}
        }
        false
    }

    async fn status(&self) {
        self.of_node("status", |node| async move { node.status().await })
            .await;
    }
}

async fn all_groups(node: Node, mut browse: Browse) -> Result<Page<Group>> {
    let mut groups = Page::whole(Vec::new(), None);
    loop {
        let page = node.browse(&browse).await?;
        groups.items.extend(page.items);
        groups.partial = Partial::of_both(groups.partial, page.partial);
        browse.after = page.next;
        if browse.after.is_none() {
            return Ok(groups);
        }
    }
}
