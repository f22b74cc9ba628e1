//! The clients: they ask, wait for the whole answer, and note how it went.
//!
//! A client asks its next question when it has the answer to the last one. So a slow answer delays
//! the questions behind it, and how long those would have waited is not measured.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use kadenza_api::PageJson;
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::{asking::hash_of, headers, nodes::Nodes};
use crate::{
    error::EvaluateError,
    plan::Cell,
    record::{Answer, Configuration, RequestResult},
};

/// How many clients ask at the same time in a burst.
const BURST_CLIENTS: usize = 32;
/// How long a client waits for an answer: longer than any layer below allows itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// The content of an answer, as far as it can be judged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerContent {
    /// The song that was asked for is in it.
    Expected,
    /// It is a list without that song, or none was asked for: these ids, hashed.
    Ids(u64),
    /// It is no answer.
    Wrong,
}

/// The state that the clients share.
#[derive(Debug)]
struct Asking {
    http: Client,
    /// By question: where it is asked, and what must be in the answer.
    questions: Vec<(Url, Option<String>)>,
    order: Vec<u32>,
    cached: bool,
    begun: Instant,
    bar: ProgressBar,
}

/// Sends all requests of a load; gives the answers in its order, and how long that took.
pub(super) async fn drive(
    base: SocketAddr,
    cell: &Cell,
    clients: usize,
    nodes: Option<&Nodes>,
    bar: &ProgressBar,
) -> Result<(Vec<(Answer, AnswerContent)>, Duration), EvaluateError> {
    let (setup, load) = (&cell.setup, &cell.load);
    let http = client()?;
    let base = format!("http://{base}");
    let url = |path: &str| {
        Url::parse(&format!("{base}{path}"))
            .map_err(|error| EvaluateError::Failed(format!("a question is no URL: {error}")))
    };
    // The first connection is not part of what is measured.
    let ready = http.get(url("/health")?).send().await;
    ready.map_err(|error| EvaluateError::Failed(format!("the stack does not answer: {error}")))?;
    let questions: Result<Vec<_>, EvaluateError> = load
        .questions
        .iter()
        .map(|question| {
            let needle = question.expected.map(|id| format!("\"id\":\"{id}\""));
            Ok((url(&question.path())?, needle))
        })
        .collect();
    let asking = Arc::new(Asking {
        http,
        questions: questions?,
        order: load.order.clone(),
        cached: setup.configuration != Configuration::Off,
        begun: Instant::now(),
        bar: bar.clone(),
    });

    let mut answers = Vec::with_capacity(load.order.len());
    for stretch in stretches(cell) {
        if let Some(nodes) = nodes {
            if setup.kill_at == Some(stretch.start) {
                nodes.kill();
            }
            if setup.revive_at == Some(stretch.start) {
                nodes.revive()?;
            }
        }
        let is_burst = load
            .bursts
            .iter()
            .any(|burst| burst.contains(&stretch.start));
        let clients = match is_burst {
            true => clients.max(BURST_CLIENTS),
            false => clients,
        };
        ask(&asking, stretch, clients, &mut answers).await?;
    }
    let took = asking.begun.elapsed();
    answers.sort_unstable_by_key(|(at, ..)| *at);
    let answers = answers.into_iter().map(|(_, answer, node, seen)| {
        let node = node.and_then(|node| nodes?.shown(&node));
        (Answer { node, ..answer }, seen)
    });
    Ok((answers.collect(), took))
}

/// The load in pieces: in each, the same number of clients ask, and nothing else happens.
fn stretches(cell: &Cell) -> Vec<Range<usize>> {
    let length = cell.load.order.len();
    let mut cuts = BTreeSet::from([0, length]);
    cuts.extend(cell.setup.kill_at);
    cuts.extend(cell.setup.revive_at);
    cuts.extend(
        cell.load
            .bursts
            .iter()
            .flat_map(|burst| [burst.start, burst.end]),
    );
    let cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= length).collect();
    cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// The place of a request, how it went, the node that an answer names, and what it says.
type NotedAnswer = (usize, Answer, Option<String>, AnswerContent);

async fn ask(
    asking: &Arc<Asking>,
    requests: Range<usize>,
    clients: usize,
    answers: &mut Vec<NotedAnswer>,
) -> Result<(), EvaluateError> {
    if clients == 1 {
        for at in requests {
            answers.push(asking.one(at).await);
        }
        return Ok(());
    }
    let next = Arc::new(AtomicUsize::new(requests.start));
    let mut asked = JoinSet::new();
    for _ in 0..clients.min(requests.len()) {
        let (asking, next, end) = (Arc::clone(asking), Arc::clone(&next), requests.end);
        asked.spawn(async move {
            let mut answers = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= end {
                    return answers;
                }
                answers.push(asking.one(at).await);
            }
        });
    }
    while let Some(done) = asked.join_next().await {
        let done =
            done.map_err(|error| EvaluateError::Failed(format!("a client broke off: {error}")))?;
        answers.extend(done);
    }
    Ok(())
}

impl Asking {
    async fn one(&self, at: usize) -> NotedAnswer {
        let question = self.order[at];
        let (url, needle) = &self.questions[question as usize];
        let begun = Instant::now();
        let sent_us = micros(begun.duration_since(self.begun));
        let got = async {
            let response = self.http.get(url.clone()).send().await?;
            let head = Head::of(&response, self.cached);
            Ok::<_, reqwest::Error>((head, response.bytes().await?))
        };
        let got = got.await;
        let took_us = micros(begun.elapsed()).try_into().unwrap_or(u32::MAX);
        self.bar.inc(1);
        let (head, seen) = match got {
            Ok((head, body)) if head.is_ok => (head, seen(&body, needle.as_deref())),
            Ok((head, _)) => (head, AnswerContent::Wrong),
            Err(error) => {
                tracing::debug!(%error, "a request has no answer");
                (Head::default(), AnswerContent::Wrong)
            }
        };
        let answer = Answer {
            question,
            sent_us,
            took_us,
            below_us: head.below_us,
            result: head.result,
            node: None,
        };
        (at, answer, head.node, seen)
    }
}

/// The facts that the headers of an answer tell.
#[derive(Debug)]
struct Head {
    is_ok: bool,
    result: RequestResult,
    node: Option<String>,
    below_us: u32,
}

impl Default for Head {
    fn default() -> Head {
        Head {
            is_ok: false,
            result: RequestResult::Failed,
            node: None,
            below_us: 0,
        }
    }
}

impl Head {
    fn of(response: &Response, cached: bool) -> Head {
        let (result, node) = headers::cache(response.headers());
        Head {
            is_ok: response.status() == 200,
            result,
            node,
            below_us: headers::below_us(response.headers(), result, cached),
        }
    }
}

/// One client without a proxy, since all is on this machine.
fn client() -> Result<Client, EvaluateError> {
    // The HTTP client refuses to be built where the process has no TLS provider. An error here says that
    // there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| EvaluateError::Failed(format!("cannot make an HTTP client: {error}")))
}

/// A song of a page, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Item<'a> {
    id: &'a str,
}

/// Reads a body. Nearly always it has the song, which is seen without reading all of it.
fn seen(body: &[u8], needle: Option<&str>) -> AnswerContent {
    let Ok(text) = std::str::from_utf8(body) else {
        return AnswerContent::Wrong;
    };
    if needle.is_some_and(|needle| text.contains(needle)) {
        return AnswerContent::Expected;
    }
    match serde_json::from_str::<PageJson<Item<'_>>>(text) {
        Ok(page) => AnswerContent::Ids(hash_of(page.items.iter().map(|item| item.id))),
        Err(_) => AnswerContent::Wrong,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_song_or_is_looked_at_or_wrong() {
        let page = br#"{"items":[{"id":"aa","title":"x"},{"id":"bb"}],"next":null}"#;
        let ids = AnswerContent::Ids(hash_of(["aa", "bb"].iter()));
        assert_eq!(seen(page, Some("\"id\":\"bb\"")), AnswerContent::Expected);
        assert_eq!(seen(page, Some("\"id\":\"cc\"")), ids);
        assert_eq!(seen(page, None), ids);
        assert_ne!(seen(br#"{"items":[{"id":"bb"},{"id":"aa"}]}"#, None), ids);
        for wrong in [&b"{\"id\":\"aa\"}"[..], b"", b"\xff", b"{\"items\":[{}]}"] {
            assert_eq!(seen(wrong, Some("\"id\":\"cc\"")), AnswerContent::Wrong);
        }
    }
}
