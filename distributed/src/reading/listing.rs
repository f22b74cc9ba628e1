//! Search and browsing over many nodes.
//!
//! Every node answers with its ordinary local page; the pages become one by the pure order of the
//! vocabulary, so that the result equals that of one library with everything in it. Where the
//! question has a term, its holders know every hit. Where it has none
//! (everything, all artists), all nodes are asked; also for what is found inside of words and with slips,
//! if the holders of the term do not fill the page.

use std::{future::Future, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use kadenza_contract::{Browse, Entry, Group, Page, Query, Result, order::INSIDE};
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
            let answers = self.ask_holders(None, asking(&query)).await;
            return settle(answers, |pages| query.merge(pages));
        };
        let answers = self.ask_holders(Some(term), asking(&query)).await;
        let (suffice, too_few) = (answers.suffice(), answers.too_few());
        let mut pages = answers.pages();
        let near = query.merge(pages.clone());
        if !query.takes_parts() || is_filled(&query, &near) {
            return if suffice || !near.items.is_empty() {
                Ok(near)
            } else {
                Err(too_few)
            };
        }
        // Such hits have no terms. All nodes are asked for them; some may be missing. That there are no
        // better ones is for the holders to say.
        pages.extend(self.ask_holders(None, asking(&query)).await.pages());
        let page = query.merge(pages);
        if suffice || !page.items.is_empty() {
            Ok(page)
        } else {
            Err(too_few)
        }
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
        settle(answers, |pages| browse.merge(pages))
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

impl<T> Answers<T> {
    fn pages(self) -> Vec<T> {
        self.given.into_iter().map(|(_, page)| page).collect()
    }
}

/// One node is enough for hits. That there are none must be said by enough nodes.
fn settle<T>(
    answers: Answers<Page<T>>,
    merge: impl FnOnce(Vec<Page<T>>) -> Page<T>,
) -> Result<Page<T>> {
    let (suffice, too_few) = (answers.suffice(), answers.too_few());
    let page = merge(answers.pages());
    if suffice || !page.items.is_empty() {
        Ok(page)
    } else {
        Err(too_few)
    }
}
