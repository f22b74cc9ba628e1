//! Who sends a request: the token in it, and whether its role is large enough.
//!
//! A token comes in `Authorization: Bearer` (RFC 6750), or from a browser in a cookie that only this host sets, that
//! scripts cannot read, and that is sent with no request from another site. It is never read from an address.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use kadenza_accounts::{Accounts, AccountsError, Caller, Role, Secret};
use kadenza_api::code;

use crate::Problem;

/// The prefix has browsers refuse it from any other host and without encryption; they take loopback for encrypted.
const COOKIE: &str = "__Host-kadenza";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// Who asks, if the role is large enough for what is asked. Without accounts everybody may do everything.
pub(crate) async fn admit(
    accounts: Option<&dyn Accounts>,
    headers: &HeaderMap,
    needed: Option<Role>,
) -> Result<Option<Caller>, Problem> {
    let Some(accounts) = accounts else {
        return Ok(None);
    };
    let caller = match token(headers) {
        Some(secret) => match accounts.authenticate(&secret).await {
            Ok(caller) => Some(caller),
            // An old cookie keeps nobody from signing in anew.
            Err(AccountsError::NotSignedIn) if needed.is_none() => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    match (needed, &caller) {
        (None, _) => Ok(caller),
        (Some(_), None) => Err(AccountsError::NotSignedIn.into()),
        (Some(needed), Some(one)) if one.role < needed => Err(Problem::new(
            StatusCode::FORBIDDEN,
            code::FORBIDDEN,
            "Not allowed",
            format!(
                "this needs the role {}, and you have the role {}",
                needed.name(),
                one.role.name()
            ),
        )),
        (Some(_), Some(_)) => Ok(caller),
    }
}

/// Has routes that stand beside those of [`router`](crate::router) answer to administrators alone; to everybody where
/// there are no accounts.
pub fn admins_only(accounts: Option<Arc<dyn Accounts>>, routes: Router) -> Router {
    type Known = Option<Arc<dyn Accounts>>;
    async fn guarded(State(accounts): State<Known>, request: Request, next: Next) -> Response {
        match admit(accounts.as_deref(), request.headers(), Some(Role::Admin)).await {
            Ok(_) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    }
    routes.layer(middleware::from_fn_with_state(accounts, guarded))
}

/// The token of a request. A header wins over a cookie, and what is not understood is no token of anybody.
fn token(headers: &HeaderMap) -> Option<Secret> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then(|| Secret::from(token.trim().to_owned()));
    }
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then(|| Secret::from(value.to_owned()))
    });
    named.next()
}

/// The cookie of a session.
pub(crate) fn cookie(secret: &Secret, seconds: u64) -> HeaderValue {
    let cookie = format!(
        "{COOKIE}={}; Max-Age={seconds}; {ATTRIBUTES}",
        secret.expose()
    );
    let mut cookie = HeaderValue::try_from(cookie).expect("digits and words are a header value");
    cookie.set_sensitive(true);
    cookie
}

/// Has a browser forget the cookie.
pub(crate) fn no_cookie() -> HeaderValue {
    let cookie = format!("{COOKIE}=; Max-Age=0; {ATTRIBUTES}");
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
            AccountsError::Exists | AccountsError::LastAdmin | AccountsError::Full => {
                problem(StatusCode::CONFLICT, code::CONFLICT, "Not possible")
            }
            AccountsError::Invalid { .. } => {
                problem(StatusCode::BAD_REQUEST, code::INVALID, "Bad request")
            }
            AccountsError::Storage(error) => error.into(),
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
            token(&headers).map(|secret| secret.expose().to_owned())
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
}
