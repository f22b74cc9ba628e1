//! Signing in and out, and what all endpoints of accounts share.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kadenza_accounts::{Accounts, AccountsError, Caller, NewUser, Role, SignIn, TokenKind, User};
use kadenza_api::{
    FirstAdminJson, KindJson, MeJson, RoleJson, SignInJson, SignedInJson, UserJson, code,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Problem,
    addresses::Source,
    call::{self, Call},
    callers::{self, Asker},
};

/// The largest body of a request about accounts.
const BODY_BYTES_MAX: usize = 16 << 10;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `GET /api/v1/me`
pub(crate) async fn me(call: &Call, _body: Body) -> Result<Response, Problem> {
    let asker = call.asker();
    let open = matches!(asker, Asker::Anybody);
    let needs_first_admin = match &call.views.config.accounts {
        Some(accounts) if !open => accounts.needs_first_admin().await?,
        _ => false,
    };
    let user = asker.caller().map(|caller| UserJson {
        id: caller.account.to_string(),
        name: caller.name.clone(),
        role: role_json(caller.role),
        disabled: false,
    });
    let me = MeJson {
        open,
        needs_first_admin,
        user,
        kind: asker.caller().map(|caller| kind_json(caller.kind)),
    };
    Ok(answer(StatusCode::OK, &me))
}

/// `POST /api/v1/sign-in`
pub(crate) async fn sign_in(call: &Call, body: Body) -> Result<Response, Problem> {
    let accounts = accounts(call).await?;
    let wanted: SignInJson = read(call, body).await?;
    let kind = wanted.kind.map_or(TokenKind::Session, kind);
    let attempt = SignIn {
        name: wanted.name,
        password: wanted.password.into(),
        kind,
        scope: wanted.scope.map(role),
        label: wanted.label,
        from: call.source().map(Source::address),
    };
    let made = accounts.sign_in(attempt).await?;
    let caller = &made.caller;
    let signed_in = SignedInJson {
        user: UserJson {
            id: caller.account.to_string(),
            name: caller.name.clone(),
            role: role_json(caller.role),
            disabled: false,
        },
        secret: (kind != TokenKind::Session).then(|| made.secret.expose().to_owned()),
        expires_at: time(made.info.expires_ms),
    };
    let mut response = answer(StatusCode::OK, &signed_in);
    if kind == TokenKind::Session {
        let seconds = made.info.expires_ms.saturating_sub(made.info.made_ms) / 1000;
        let cookie = callers::cookie(&call.cookie_name(), &made.secret, seconds);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /api/v1/sign-out`
pub(crate) async fn sign_out(call: &Call, _body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    match accounts.revoke_token(caller, caller.token).await {
        // Another request has ended it.
        Ok(()) | Err(AccountsError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response
        .headers_mut()
        .insert(header::SET_COOKIE, callers::no_cookie(&call.cookie_name()));
    Ok(response)
}

/// `POST /api/v1/first-admin`
pub(crate) async fn first_admin(call: &Call, body: Body) -> Result<Response, Problem> {
    let accounts = accounts(call).await?;
    let wanted: FirstAdminJson = read(call, body).await?;
    let admin = NewUser {
        name: wanted.name,
        password: wanted.password.into(),
        role: Role::Admin,
    };
    let code = wanted.code.into();
    let from = call.source().map(Source::address);
    let made = accounts.make_first_admin(&code, admin, from).await?;
    Ok(answer(StatusCode::CREATED, &user_json(made)))
}

/// The accounts of this server.
async fn accounts(call: &Call) -> Result<&Arc<dyn Accounts>, Problem> {
    match &call.views.config.accounts {
        Some(accounts) if !accounts.is_open().await? => Ok(accounts),
        _ => Err(Problem::new(
            StatusCode::CONFLICT,
            code::NO_ACCOUNTS,
            "No accounts",
            "this server has no accounts: everybody may do everything here",
        )),
    }
}

/// The accounts, and who asks.
pub(super) async fn signed_in(call: &Call) -> Result<(&Arc<dyn Accounts>, &Caller), Problem> {
    let accounts = accounts(call).await?;
    let caller = call.asker().caller();
    let caller = caller.ok_or(AccountsError::NotSignedIn)?;
    Ok((accounts, caller))
}

/// The body, in JSON. A page of another site cannot send this type of content without asking first.
pub(super) async fn read<T: DeserializeOwned>(call: &Call, body: Body) -> Result<T, Problem> {
    let kind = call.head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::invalid(
            "the body is JSON, with Content-Type: application/json",
        ));
    }
    let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
    let bytes = bytes.map_err(|_| Problem::invalid("the body has at most 16 KiB"))?;
    // What serde says of it may quote a password.
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::invalid(format!(
            "the body is not what is needed here, at column {}",
            error.column()
        ))
    })
}

/// An answer that nobody keeps.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = call::json(status, value);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, NO_STORE);
    response
}

pub(super) fn user_json(user: User) -> UserJson {
    UserJson {
        id: user.id.to_string(),
        name: user.name,
        role: role_json(user.role),
        disabled: user.is_disabled,
    }
}

pub(super) fn role(role: RoleJson) -> Role {
    match role {
        RoleJson::Listen => Role::Listen,
        RoleJson::Upload => Role::Upload,
        RoleJson::Admin => Role::Admin,
    }
}

pub(super) fn role_json(role: Role) -> RoleJson {
    match role {
        Role::Listen => RoleJson::Listen,
        Role::Upload => RoleJson::Upload,
        Role::Admin => RoleJson::Admin,
    }
}

fn kind(kind: KindJson) -> TokenKind {
    match kind {
        KindJson::Session => TokenKind::Session,
        KindJson::CommandLine => TokenKind::CommandLine,
        KindJson::App => TokenKind::App,
    }
}

pub(super) fn kind_json(kind: TokenKind) -> KindJson {
    match kind {
        TokenKind::Session => KindJson::Session,
        TokenKind::CommandLine => KindJson::CommandLine,
        TokenKind::App => KindJson::App,
    }
}

/// A time that an entry tells, which may be out of what can be written.
pub(super) fn time(ms: u64) -> jiff::Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX)
}
