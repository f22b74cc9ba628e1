//! Asking the holders of something, the first answer of which counts.
//!
//! A holder that takes longer than it usually does is not waited for: the next one is asked as well (hedging: Dean and
//! Barroso, "The Tail at Scale", 2013).

use std::future::Future;

use futures_util::{StreamExt, stream::FuturesUnordered};
use kadenza_contract::Result;

use crate::{Contact, cluster::Cluster};

impl Cluster {
    /// Asks holders in this order until one gives something; none if they all say that there is nothing.
    ///
    /// # Errors
    ///
    /// What failed last, if none gave anything and one failed.
    pub(super) async fn first_given<T, F>(
        &self,
        holders: Vec<Contact>,
        question: impl Fn(Contact) -> F,
    ) -> Result<Option<T>>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let mut holders = holders.into_iter();
        let mut asked = FuturesUnordered::new();
        let mut failed = None;
        loop {
            let hedge = holders.next().map(|holder| {
                asked.push(question(holder));
                self.caller().hedge_after(&holder)
            });
            if asked.is_empty() {
                return failed.map_or(Ok(None), Err);
            }
            let wait = async {
                match hedge {
                    Some(hedge) => tokio::time::sleep(hedge).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                answer = asked.next() => match answer {
                    Some(Ok(Some(given))) => return Ok(Some(given)),
                    Some(Ok(None)) | None => {}
                    Some(Err(error)) => {
                        tracing::warn!(error = error.chain(), "a holder does not give what it holds");
                        failed = Some(error);
                    }
                },
                () = wait => {}
            }
        }
    }
}
