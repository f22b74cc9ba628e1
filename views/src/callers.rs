//! Who sends a request: the token in it, and whether its role is large enough.
//!
//! A token comes in `Authorization: Bearer` (RFC 6750), or from a browser in a cookie that only this host sets, that
//! scripts cannot read, and that is sent with no request from another site. It is never read from an address.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use kadenza_accounts::{Accounts, AccountsError, Caller, Role, Secret};
use kadenza_api::{code, session_cookie};

use crate::Problem;

const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// Whoever sent a request, as far as that is known.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    /// Somebody where everybody may do everything.
    Anybody,
    /// Somebody who showed no token, or one that is good for nothing.
    Nobody,
    /// The owner of a token.
    Known(Caller),
}

impl Asker {
    /// Who sent these headers to this target.
    ///
    /// # Errors
    ///
    /// The accounts cannot be asked.
    pub(crate) async fn of(
        accounts: Option<&dyn Accounts>,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Result<Asker, Problem> {
        let Some(accounts) = accounts else {
            return Ok(Asker::Anybody);
        };
        if accounts.is_open().await? {
            return Ok(Asker::Anybody);
        }
        let Some(secret) = token(headers, target) else {
            return Ok(Asker::Nobody);
        };
        match accounts.authenticate(&secret).await {
            Ok(caller) => Ok(Asker::Known(caller)),
            Err(AccountsError::NotSignedIn) => Ok(Asker::Nobody),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the role is large enough.
    ///
    /// # Errors
    ///
    /// It is not.
    pub(crate) fn check(&self, needed: Role) -> Result<(), Problem> {
        match self {
            Asker::Anybody => Ok(()),
            Asker::Nobody => Err(AccountsError::NotSignedIn.into()),
            Asker::Known(caller) if caller.role < needed => Err(Problem::new(
                StatusCode::FORBIDDEN,
                code::FORBIDDEN,
                "Not allowed",
                format!(
                    "this needs the role {}, and you have the role {}",
                    needed.name(),
                    caller.role.name()
                ),
            )),
            Asker::Known(_) => Ok(()),
        }
    }

    /// The owner of the token.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        match self {
            Asker::Known(caller) => Some(caller),
            Asker::Anybody | Asker::Nobody => None,
        }
    }

    /// Its name, as the audit log has it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Asker::Anybody => "anybody",
            Asker::Nobody => "nobody",
            Asker::Known(caller) => &caller.name,
        }
    }

    /// Whether it may know which machines there are.
    pub(crate) fn is_admin(&self) -> bool {
        self.check(Role::Admin).is_ok()
    }
}

/// Has routes that stand beside those of [`router`](crate::router) answer to administrators alone; to everybody where
/// there are no accounts.
pub fn admins_only(accounts: Option<Arc<dyn Accounts>>, routes: Router) -> Router {
    type Known = Option<Arc<dyn Accounts>>;
    async fn guarded(State(accounts): State<Known>, request: Request, next: Next) -> Response {
        let asker = Asker::of(accounts.as_deref(), request.headers(), request.uri()).await;
        match asker.and_then(|asker| asker.check(Role::Admin).map(|()| asker)) {
            Ok(asker) => {
                let who = asker.name();
                tracing::info!(target: "audit", who, what = request.uri().path(), "ordered");
                next.run(request).await
            }
            Err(problem) => problem.into_response(),
        }
    }
    routes.layer(middleware::from_fn_with_state(accounts, guarded))
}

/// The token of a request. A header wins over a cookie, and what is not understood is no token of anybody.
fn token(headers: &HeaderMap, target: &Uri) -> Option<Secret> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then(|| Secret::from(token.trim().to_owned()));
    }
    let wanted = cookie_name(headers, target);
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then(|| Secret::from(value.to_owned()))
    });
    named.next()
}

/// What the cookie of this server is called in a browser that asks it by this address.
pub(crate) fn cookie_name(headers: &HeaderMap, target: &Uri) -> String {
    // HTTP/2 names the host in the target, HTTP/1.1 in a header.
    let in_header = || {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        host.parse::<Authority>().ok()
    };
    let authority = target.authority().cloned().or_else(in_header);
    session_cookie(authority.and_then(|authority| authority.port_u16()))
}

/// The cookie of a session.
pub(crate) fn cookie(name: &str, secret: &Secret, seconds: u64) -> HeaderValue {
    let cookie = format!(
        "{name}={}; Max-Age={seconds}; {ATTRIBUTES}",
        secret.expose()
    );
    let mut cookie = HeaderValue::try_from(cookie).expect("digits and words are a header value");
    cookie.set_sensitive(true);
    cookie
}

/// Has a browser forget the cookie.
pub(crate) fn no_cookie(name: &str) -> HeaderValue {
    let cookie = format!("{name}=; Max-Age=0; {ATTRIBUTES}");
    HeaderValue::try_from(cookie).expect("words are a header value")
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Problem {
        let detail = error.to_string();
        let problem = |status, code, title| Problem::new(status, code, title, detail);
        match error {
            AccountsError::WrongPassword | AccountsError::NotSignedIn => problem(
                StatusCode::UNAUTHORIZED,
                code::NOT_SIGNED_IN,
                "Not signed in",
            ),
            AccountsError::Forbidden { .. } => {
                problem(StatusCode::FORBIDDEN, code::FORBIDDEN, "Not allowed")
            }
            AccountsError::Wait { seconds } => problem(
                StatusCode::TOO_MANY_REQUESTS,
                code::WAIT,
                "Too many attempts",
            )
            .with_number(seconds),
            AccountsError::Busy => problem(StatusCode::SERVICE_UNAVAILABLE, code::BUSY, "Too busy"),
            AccountsError::NotFound => problem(StatusCode::NOT_FOUND, code::NOT_FOUND, "Not found"),
            AccountsError::Exists
            | AccountsError::LastAdmin
            | AccountsError::Full
            | AccountsError::Conflict { .. } => {
                problem(StatusCode::CONFLICT, code::CONFLICT, "Not possible")
            }
            AccountsError::Invalid { .. } => {
                problem(StatusCode::BAD_REQUEST, code::INVALID, "Bad request")
            }
            AccountsError::Storage(error) | AccountsError::Elsewhere(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_a_header_or_a_cookie() {
        let token_of = |lines: &[(header::HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            token(&headers, &Uri::from_static("/")).map(|secret| secret.expose().to_owned())
        };
        let (bearer, cookie) = (header::AUTHORIZATION, header::COOKIE);
        assert_eq!(
            token_of(&[(bearer.clone(), "bearer x")]).as_deref(),
            Some("x")
        );
        assert_eq!(
            token_of(&[(cookie.clone(), "a=b; __Host-kadenza=x")]).as_deref(),
            Some("x")
        );
        let both = [
            (cookie.clone(), "__Host-kadenza=x"),
            (bearer.clone(), "Bearer y"),
        ];
        assert_eq!(token_of(&both).as_deref(), Some("y"));
        // Not the cookie, where another account was meant.
        assert_eq!(
            token_of(&[(cookie.clone(), "__Host-kadenza=x"), (bearer, "Basic y")]),
            None
        );
        assert_eq!(
            token_of(&[(cookie, "kadenza=x; __host-kadenza=y; =")]),
            None
        );
    }

    #[test]
    fn servers_at_ports_of_one_host_have_their_own_cookies() {
        let name = |host: &'static str, target: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            cookie_name(&headers, &Uri::from_static(target))
        };
        assert_eq!(name("music.example", "/"), "__Host-kadenza");
        assert_eq!(name("music.example:8080", "/"), "__Host-kadenza-8080");
        assert_eq!(name("[::1]:8443", "/"), "__Host-kadenza-8443");
        assert_eq!(name("x:1", "https://x:8443/"), "__Host-kadenza-8443");
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:8080"));
        let both = "__Host-kadenza-8443=theirs; __Host-kadenza-8080=ours";
        headers.insert(header::COOKIE, HeaderValue::from_static(both));
        let ours = token(&headers, &Uri::from_static("/")).unwrap();
        assert_eq!(ours.expose(), "ours");
    }
}
