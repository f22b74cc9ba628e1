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
use kadenza_contract::{Browse, Entry, Group, Page, Partial, Query, Result, order::INSIDE};
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
            let all = self.ask_holders(None, asking(&query)).await;
            return settle(&all, query.merge(pages(&all).collect()));
        };
        let holders = self.ask_holders(Some(term), asking(&query)).await;
        let near = query.merge(pages(&holders).collect());
        if !query.takes_parts() || is_filled(&query, &near) {
            return settle(&holders, near);
        }
        // Such hits have no terms, so all nodes are asked for them. Nodes that cover everything know the better ones,
        // too; short of that the page may lack some, be it such hits alone.
        let all = self.ask_holders(None, asking(&query)).await;
        let mut page = query.merge(pages(&holders).chain(pages(&all)).collect());
        if let Some(all) = all.partial() {
            page.partial = Partial::of_both(holders.partial(), Some(all));
        }
        // Whether there are better ones nobody has said who should know.
        let is_unanswered = holders.given.is_empty() && page.items.is_empty();
        if is_unanswered && page.partial.is_some() {
            return Err(holders.too_few());
        }
        Ok(page)
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
        settle(&answers, browse.merge(pages(&answers)))
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

fn pages<T: Clone>(answers: &Answers<Page<T>>) -> impl Iterator<Item = Page<T>> {
    answers.given.iter().map(|(_, page)| page.clone())
}

/// One node is enough for hits. That there are no others must be said by enough nodes, or the page is partial.
fn settle<T>(answers: &Answers<Page<T>>, page: Page<T>) -> Result<Page<T>> {
    let partial = answers.partial();
    if partial.is_some() && answers.given.is_empty() {
        return Err(answers.too_few());
    }
    Ok(Page { partial, ..page })
}
