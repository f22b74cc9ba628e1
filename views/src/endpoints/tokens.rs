//! The own tokens.

use axum::{
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kadenza_accounts::{AccountsError, NewToken, TokenId, TokenInfo, TokenKind};
use kadenza_api::{MadeTokenJson, NewTokenJson, PageJson, TokenJson, paths};

use super::accounts::{answer, kind_json, read, role, role_json, signed_in, time};
use crate::{Problem, call::Call};

/// `GET /api/v1/tokens`
pub(crate) async fn list(call: &Call, _body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    let tokens = accounts.tokens(caller).await?;
    let tokens = tokens
        .into_iter()
        .map(|token| json(token, caller.token))
        .collect();
    Ok(answer(StatusCode::OK, &PageJson::of_all(tokens)))
}

/// `POST /api/v1/tokens`
pub(crate) async fn make(call: &Call, body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    let wanted: NewTokenJson = read(call, body).await?;
    let token = NewToken {
        kind: TokenKind::App,
        scope: role(wanted.scope),
        label: wanted.label,
        days: wanted.days,
    };
    let made = accounts.make_token(caller, token).await?;
    let made = MadeTokenJson {
        secret: made.secret.expose().to_owned(),
        token: json(made.info, caller.token),
    };
    Ok(answer(StatusCode::CREATED, &made))
}

/// `DELETE /api/v1/tokens/{id}`
pub(crate) async fn revoke(call: &Call, _body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    let id = call.head.uri.path().strip_prefix(paths::TOKENS);
    let id = id.and_then(|id| id.strip_prefix('/')?.parse().ok());
    accounts
        .revoke_token(caller, id.ok_or(AccountsError::NotFound)?)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn json(token: TokenInfo, current: TokenId) -> TokenJson {
    TokenJson {
        id: token.id.to_string(),
        kind: kind_json(token.kind),
        scope: role_json(token.scope),
        label: token.label,
        made_at: time(token.made_ms),
        expires_at: time(token.expires_ms),
        current: token.id == current,
    }
}
