//! The requests that are for the process of a server, not for its music service: `POST /api/v1/leave` and
//! `POST /api/v1/forget`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::future::BoxFuture;
use kadenza_api::{ForgetParameters, ForgottenJson, LeftJson, paths};
use kadenza_contract::{Error, Result};
use kadenza_views::Problem;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Makes a server hand its share on.
pub(crate) type HandOn = Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;
/// Makes a server count on a member no longer, by the id of that node.
pub(crate) type Forget = Arc<dyn Fn(String) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Leaves the network, once for all who ask for it.
#[derive(Clone)]
struct Leaver {
    hand_on: HandOn,
    left: Arc<Mutex<bool>>,
    end: CancellationToken,
}

impl Leaver {
    /// Requests that come while it is under way get the same answer.
    async fn leave(self) -> Result<()> {
        let mut left = self.left.lock().await;
        if !*left {
            tracing::info!("leaving: handing the share on");
            (self.hand_on)().await?;
            *left = true;
            self.end.cancel();
        }
        Ok(())
    }
}

/// What a server that is a node can be told.
#[derive(Clone)]
pub(crate) struct Orders {
    /// Called where it is to leave.
    pub(crate) hand_on: HandOn,
    /// Called where it is to forget a member.
    pub(crate) forget: Forget,
}

/// The routes: leaving cancels `end` when the share is handed on. A server that is no node says so.
pub(crate) fn router(orders: Option<Orders>, end: CancellationToken) -> Router {
    let (hand_on, forgetter) = orders.map(|orders| (orders.hand_on, orders.forget)).unzip();
    let leaver = hand_on.map(|hand_on| Leaver {
        hand_on,
        left: Arc::default(),
        end,
    });
    Router::new()
        .route(paths::LEAVE, post(leave).with_state(leaver))
        .route(paths::FORGET, post(forget).with_state(forgetter))
}

/// The refusal of what a web page sends. A browser names the page that a request comes from: no page has a reason to
/// change the network, and without this any page that somebody opens could.
fn refusal_of_pages(headers: &HeaderMap, command: &str) -> Option<Response> {
    if !headers.contains_key(header::ORIGIN) {
        return None;
    }
    let detail = format!("a web page may not change the network: use `kadenza {command}`");
    Some(Problem::new(StatusCode::FORBIDDEN, "invalid", "Forbidden", detail).into_response())
}

fn no_node(detail: &'static str) -> Response {
    Problem::new(StatusCode::CONFLICT, "invalid", "Not a node", detail).into_response()
}

async fn forget(
    State(forget): State<Option<Forget>>,
    headers: HeaderMap,
    parameters: std::result::Result<Query<ForgetParameters>, QueryRejection>,
) -> Response {
    if let Some(refused) = refusal_of_pages(&headers, "forget") {
        return refused;
    }
    let Some(forget) = forget else {
        return no_node("this server is not a node of a network, so there is no member to forget");
    };
    let Ok(Query(ForgetParameters { node })) = parameters else {
        let what = "name the member: ?node= and its id, 64 hexadecimal digits".to_owned();
        return Problem::from(Error::Invalid { what }).into_response();
    };
    // A task of its own: it happens entirely, also when the one who asked hangs up.
    match tokio::spawn(forget(node.clone())).await {
        Ok(Ok(())) => Json(ForgottenJson { forgotten: node }).into_response(),
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(_) => Problem::from(Error::Busy).into_response(),
    }
}

async fn leave(State(leaver): State<Option<Leaver>>, headers: HeaderMap) -> Response {
    if let Some(refused) = refusal_of_pages(&headers, "leave") {
        return refused;
    }
    let Some(leaver) = leaver else {
        return no_node(
            "this server is not a node of a network, so it has no share to hand on: \
             to stop it, end its process",
        );
    };
    // A task of its own: leaving goes on when the one who asked hangs up.
    match tokio::spawn(leaver.leave()).await {
        Ok(Ok(())) => Json(LeftJson { left: true }).into_response(),
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(_) => Problem::from(Error::Busy).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::post(paths::LEAVE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    /// Routes over a node that counts, and fails the first `failures` times.
    fn node(failures: usize, end: &CancellationToken) -> (Router, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let hand_on: HandOn = Arc::new(move || {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                if call < failures {
                    Err(Error::Busy)
                } else {
                    Ok(())
                }
            })
        });
        let forget: Forget = Arc::new(|_| Box::pin(async { Err(Error::Busy) }));
        (router(Some(Orders { hand_on, forget }), end.clone()), calls)
    }

    #[tokio::test]
    async fn several_requests_at_once_make_a_node_leave_only_once() {
        let end = CancellationToken::new();
        let (router, calls) = node(0, &end);
        let ask = || router.clone().oneshot(request(&[]));
        let (one, two) = tokio::join!(ask(), ask());
        assert_eq!(
            (one.unwrap().status(), two.unwrap().status()),
            (StatusCode::OK, StatusCode::OK)
        );
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        assert!(end.is_cancelled());
    }

    #[tokio::test]
    async fn a_node_that_failed_to_leave_stays_and_may_be_told_again() {
        let end = CancellationToken::new();
        let (router, _) = node(1, &end);
        let failed = router.clone().oneshot(request(&[])).await.unwrap();
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!end.is_cancelled());
        let left = router.oneshot(request(&[])).await.unwrap();
        assert_eq!(left.status(), StatusCode::OK);
        assert!(end.is_cancelled());
    }

    #[tokio::test]
    async fn a_web_page_cannot_stop_a_node() {
        let end = CancellationToken::new();
        let (router, calls) = node(0, &end);
        let from_page = request(&[("origin", "http://evil.example")]);
        let refused = router.oneshot(from_page).await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_server_that_is_no_node_says_that_it_cannot_leave() {
        let answer = router(None, CancellationToken::new())
            .oneshot(request(&[]))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert_eq!(
            answer.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
