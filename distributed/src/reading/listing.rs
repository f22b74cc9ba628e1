//! Search and browsing over many nodes.
//!
//! Every node answers with its ordinary local page; the pages become one by the pure order of the
//! vocabulary, so that the result equals that of one library with everything in it. Where the
//! question has a term, its holders know every hit. Where it has none
//! (everything, all artists), all nodes are asked; also for what is found inside of words and with slips,
//! if the holders of the term do not fill the page. Where those that answered may not know everything, the page is
//! partial and names who is missing; where nobody answered who should know, it is an error.

use std::{future::Future, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use kadenza_contract::{Browse, Entry, Error, Group, Page, Partial, Query, Result, order::INSIDE};
use kadenza_protocol::terms;

use crate::{
    Key,
    cluster::Cluster,
    replicas::{ask::Answers, replica::Replica, responsible::About},
};

impl Cluster {
    /// A page of hits.
    pub(crate) async fn search(self: &Arc<Self>, query: &Query) -> Result<Page<Entry>> {
        if query
            .text
            .as_ref()
            .is_some_and(|text| text.words().is_empty())
        {
            return Ok(Page::whole(Vec::new(), None));
        }
        let query = Arc::new(query.clone());
        // Behind hits that have words only inside of others, or with a slip, there are only such.
        let is_behind_near = query.takes_parts()
            && query
                .after
                .as_ref()
                .is_some_and(|after| after.key().rank() >= INSIDE);
        let term = terms::of_query(&query).filter(|_| !is_behind_near);
        let Some(term) = term else {
            let (pages, lack) = taken(self.ask_holders(None, asking(&query)).await);
            return lack.settle(query.merge(pages));
        };
        let (mut pages, mut lack) = taken(self.ask_holders(Some(term), asking(&query)).await);
        let near = query.merge(pages.clone());
        if !query.takes_parts() || is_filled(&query, &near) {
            return lack.settle(near);
        }
        // Such hits have no terms, so all nodes are asked for them. Nodes that cover everything know the better ones,
        // too; short of that the page may lack some, be it such hits alone.
        let (others, open) = taken(self.ask_holders(None, asking(&query)).await);
        pages.extend(others);
        lack.partial = open
            .partial
            .and_then(|open| Partial::of_both(lack.partial, Some(open)));
        lack.settle(query.merge(pages))
    }

    /// A page of groups.
    pub(crate) async fn browse(self: &Arc<Self>, browse: &Browse) -> Result<Page<Group>> {
        let browse = Arc::new(browse.clone());
        let term = terms::of_browse(&browse);
        let ask = |node: Arc<dyn Replica>| {
            let browse = browse.clone();
            async move { node.browse(&browse).await }
        };
        let answers = self.ask_holders(term, ask).await;
        let (pages, lack) = taken(answers);
        lack.settle(browse.merge(pages))
    }

    async fn ask_holders<T, F>(
        self: &Arc<Self>,
        term: Option<String>,
        question: impl Fn(Arc<dyn Replica>) -> F,
    ) -> Answers<T>
    where
        F: Future<Output = Result<T>>,
    {
        let about = term.map_or(About::Everything, |term| About::Key(Key::of_term(&term)));
        self.ask(about, question, |_| false).await
    }
}

fn asking(
    query: &Arc<Query>,
) -> impl Fn(Arc<dyn Replica>) -> BoxFuture<'static, Result<Page<Entry>>> {
    let query = Arc::clone(query);
    move |node: Arc<dyn Replica>| {
        let query = Arc::clone(&query);
        async move { node.search(&query).await }.boxed()
    }
}

/// Whether a page is full of hits that have all words at the beginnings of words.
fn is_filled(query: &Query, page: &Page<Entry>) -> bool {
    let last = page.items.last().and_then(|song| query.key(song));
    page.next.is_some() && last.is_some_and(|key| key.rank() < INSIDE)
}

/// What is left open by those that answered.
struct Lack {
    /// Whose answers are missing; none if nothing is open.
    partial: Option<Partial>,
    /// The error where nobody answered who should know.
    silence: Option<Error>,
}

fn taken<T>(answers: Answers<Page<T>>) -> (Vec<Page<T>>, Lack) {
    let lack = Lack {
        partial: answers.partial(),
        silence: answers.given.is_empty().then(|| answers.too_few()),
    };
    let pages = answers.given.into_iter().map(|(_, page)| page);
    (pages.collect(), lack)
}

impl Lack {
    /// One node is enough for hits. That there are no others must be said by enough nodes, or the page is partial.
    fn settle<T>(self, page: Page<T>) -> Result<Page<T>> {
        match (self.partial, self.silence) {
            (Some(_), Some(silence)) if page.items.is_empty() => Err(silence),
            (partial, _) => Ok(Page { partial, ..page }),
        }
    }
}
