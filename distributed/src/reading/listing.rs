//! Search and browsing over many nodes.
//!
//! Every node answers with its ordinary local page; the pages become one by the pure order of the
//! vocabulary, so that the result equals that of one library with everything in it. Where the
//! question has a term, its holders know every hit, and one lookup finds them. Where it has none
//! (everything, all artists), all nodes are asked.

use std::{future::Future, sync::Arc};

use kadenza_contract::{Browse, Group, Page, Query, Result, Song};
use kadenza_protocol::terms;

use crate::{
    Key,
    cluster::Cluster,
    replicas::{ask::Answers, replica::Replica},
};

impl Cluster {
    /// A page of hits.
    pub(crate) async fn search(self: &Arc<Self>, query: &Query) -> Result<Page<Song>> {
        if query
            .text
            .as_ref()
            .is_some_and(|text| text.words().is_empty())
        {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        }
        let query = Arc::new(query.clone());
        let term = terms::of_query(&query);
        let ask = |node: Arc<dyn Replica>| {
            let query = query.clone();
            async move { node.search(&query).await }
        };
        let answers = self.ask_holders(term, ask).await;
        settle(answers, |pages| query.merge(pages))
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
        let holders = match term {
            Some(term) => self.responsible(Key::of_term(&term)).await,
            None => self.everyone().await,
        };
        self.ask(&holders, question, |_| false).await
    }
}

/// One node is enough for hits. That there are none must be said by enough nodes.
fn settle<T>(
    answers: Answers<Page<T>>,
    merge: impl FnOnce(Vec<Page<T>>) -> Page<T>,
) -> Result<Page<T>> {
    let (suffice, too_few) = (answers.suffice(), answers.too_few());
    let page = merge(answers.given.into_iter().map(|(_, page)| page).collect());
    if suffice || !page.items.is_empty() {
        Ok(page)
    } else {
        Err(too_few)
    }
}
