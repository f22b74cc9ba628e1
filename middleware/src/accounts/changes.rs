//! Requests that change accounts: sent to another server only where the one before surely did nothing, since a second
//! token or a second account is not what was asked for.

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use tokio::time::Instant;

use super::remote::BODY_BYTES_MAX;
use crate::{
    asker::Asker,
    choice::{Ending, Route, Server, WhenSpent},
    http::exchange::{self, Failed, How},
};

/// The head and the body of an answer.
pub(super) type Answer = (HeaderMap, Bytes);

impl Asker {
    /// Has a server make a change. `complete` adds the body of the request.
    pub(super) async fn change(
        &self,
        method: Method,
        path: &str,
        complete: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<Answer, Failed> {
        // A server lets some wait for their turn to have a password checked.
        let limit = self.config.deadline;
        let deadline = Instant::now() + limit;
        let mut route = Route::new(self.config.attempts_max, WhenSpent::GiveUp);
        let mut last = Failed::timeout(limit);
        while let Some(server) = self.next(&mut route, deadline).await {
            let flight = self.flight(&server, None);
            let request = complete(self.request(method.clone(), &server.base, path));
            let answered = self.within(&server, limit, answer(&server, request)).await;
            let failed = match answered {
                Ok(Ok(answer)) => {
                    flight.land(Ending::Alive);
                    return Ok(answer);
                }
                Ok(Err(failed)) => failed,
                Err(silent) => {
                    flight.land(silent.ending(limit));
                    return Err(silent);
                }
            };
            flight.land(match failed.how {
                How::Failing | How::Unreachable | How::Misdirected => failed.ending(limit),
                // Passwords that are being checked keep nobody from listening.
                How::Final | How::Absent | How::Conflict | How::Busy(_) => Ending::Alive,
            });
            match failed.how {
                How::Unreachable | How::Misdirected | How::Busy(_) => last = failed,
                How::Final | How::Absent | How::Conflict | How::Failing => return Err(failed),
            }
        }
        Err(last)
    }
}

async fn answer(server: &Server, request: RequestBuilder) -> Result<Answer, Failed> {
    let response = exchange::send(&server.base, request).await?;
    let headers = response.headers().clone();
    let body = exchange::body(&server.base, response, BODY_BYTES_MAX).await?;
    Ok((headers, body))
}
