//! What the views ask of accounts. The answers can travel: a gateway may ask a server.

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use kadenza_contract::Credential;

use crate::{
    entry::TokenKind,
    error::Result,
    ids::{AccountId, TokenId},
    role::Role,
    secret::Secret,
};

/// Whoever sent a request, once a token has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// What the caller may do: what both the account and the token may.
    pub role: Role,
    /// The token.
    pub token: TokenId,
    /// What the token is for.
    pub kind: TokenKind,
    /// What the services below are shown on behalf of the caller, where they ask the same accounts. None where the
    /// accounts are here: then they ask nobody.
    pub credential: Option<Credential>,
}

/// An attempt to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What the token is for.
    pub kind: TokenKind,
    /// The most that it may do; all that the account may if not given.
    pub scope: Option<Role>,
    /// What its owner sees it by.
    pub label: String,
    /// Where the request comes from, if that is known.
    pub from: Option<IpAddr>,
}

/// An account that is wanted.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What it may do.
    pub role: Role,
}

/// What is to change; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// What the account may do.
    pub role: Option<Role>,
    /// Its password. All its tokens end.
    pub password: Option<Secret>,
    /// The password until now, which people have to give who change their own.
    pub current_password: Option<Secret>,
    /// Whether it may do nothing.
    pub is_disabled: Option<bool>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may do nothing.
    pub is_disabled: bool,
}

/// A token that is wanted.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub kind: TokenKind,
    /// The most that it may do.
    pub scope: Role,
    /// What its owner sees it by.
    pub label: String,
    /// How many days it is good for.
    pub days: u32,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub kind: TokenKind,
    /// The most that it may do.
    pub scope: Role,
    /// What its owner sees it by.
    pub label: String,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
}

/// A token with its secret, which is told once.
#[derive(Debug, Clone)]
pub struct MadeToken {
    /// The secret.
    pub secret: Secret,
    /// The token.
    pub info: TokenInfo,
    /// Whoever has it.
    pub caller: Caller,
}

/// Knows who may do what.
///
/// # Contract
///
/// - What a call has acknowledged is durable, and holds for every call that begins afterwards.
/// - A wrong name, a wrong password and a disabled account are one error, after the same time.
/// - A token is good until it ends, is revoked, or its account is disabled, deleted or gets another password.
/// - No error and no `Debug` holds a secret.
#[async_trait]
pub trait Accounts: fmt::Debug + Send + Sync + 'static {
    /// Whether everybody may do everything, without an account. Never so where there are accounts; so a server that
    /// asks others is open where these are.
    async fn is_open(&self) -> Result<bool>;

    /// Whether nobody can manage accounts yet.
    async fn needs_first_admin(&self) -> Result<bool>;

    /// Makes the first administrator, for whoever has the code of the machine.
    async fn make_first_admin(
        &self,
        code: &Secret,
        admin: NewUser,
        from: Option<IpAddr>,
    ) -> Result<User>;

    /// Gives a token for a name and a password.
    async fn sign_in(&self, attempt: SignIn) -> Result<MadeToken>;

    /// Who has this token.
    async fn authenticate(&self, secret: &Secret) -> Result<Caller>;

    /// All accounts, for administrators.
    async fn users(&self, caller: &Caller) -> Result<Vec<User>>;

    /// Adds an account, for administrators.
    async fn add_user(&self, caller: &Caller, user: NewUser) -> Result<User>;

    /// Changes an account, for administrators; everybody may change the own password.
    async fn change_user(&self, caller: &Caller, id: AccountId, change: UserChange)
    -> Result<User>;

    /// Deletes an account for ever, for administrators.
    async fn delete_user(&self, caller: &Caller, id: AccountId) -> Result<()>;

    /// The own tokens that are good for something.
    async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenInfo>>;

    /// Makes a token for oneself, with no larger role than the caller has.
    async fn make_token(&self, caller: &Caller, token: NewToken) -> Result<MadeToken>;

    /// Revokes an own token. The one in use is signed out.
    async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()>;
}
