//! The accounts, for administrators, and the own password.

use axum::{
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kadenza_accounts::{AccountId, AccountsError, NewUser, UserChange};
use kadenza_api::{NewUserJson, PageJson, UserChangeJson, paths};

use super::accounts::{answer, read, role, signed_in, user_json};
use crate::{Problem, call::Call};

/// `GET /api/v1/users`
pub(crate) async fn list(call: &Call, _body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    let users = accounts.users(caller).await?;
    let users = users.into_iter().map(user_json).collect();
    Ok(answer(StatusCode::OK, &PageJson::of_all(users)))
}

/// `POST /api/v1/users`
pub(crate) async fn add(call: &Call, body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    let wanted: NewUserJson = read(call, body).await?;
    let user = NewUser {
        name: wanted.name,
        password: wanted.password.into(),
        role: role(wanted.role),
    };
    let added = accounts.add_user(caller, user).await?;
    Ok(answer(StatusCode::CREATED, &user_json(added)))
}

/// `PATCH /api/v1/users/{id}`
pub(crate) async fn change(call: &Call, body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    let id = id(call)?;
    let wanted: UserChangeJson = read(call, body).await?;
    let change = UserChange {
        role: wanted.role.map(role),
        password: wanted.password.map(Into::into),
        current_password: wanted.current_password.map(Into::into),
        is_disabled: wanted.disabled,
    };
    let changed = accounts.change_user(caller, id, change).await?;
    Ok(answer(StatusCode::OK, &user_json(changed)))
}

/// `DELETE /api/v1/users/{id}`
pub(crate) async fn delete(call: &Call, _body: Body) -> Result<Response, Problem> {
    let (accounts, caller) = signed_in(call).await?;
    accounts.delete_user(caller, id(call)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn id(call: &Call) -> Result<AccountId, AccountsError> {
    let id = call.head.uri.path().strip_prefix(paths::USERS);
    let id = id.and_then(|id| id.strip_prefix('/')?.parse().ok());
    id.ok_or(AccountsError::NotFound)
}
