//! Accounts and tokens, as JSON. Secrets are only in requests, and in the one answer that gives a token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The cookie with the token of a browser. The prefix has browsers refuse it from any other host and without
/// encryption; they take loopback for encrypted.
const SESSION_COOKIE: &str = "__Host-kadenza";

/// The name of the cookie of a server at a port, as its address in the browser says it; none where it says none. Browsers have
/// the same cookies for all ports of a host, and two servers there shall not take each other's.
#[must_use]
pub fn session_cookie(port: Option<u16>) -> String {
    port.map_or_else(
        || SESSION_COOKIE.to_owned(),
        |port| format!("{SESSION_COOKIE}-{port}"),
    )
}

/// Whether this is the name of the cookie of some server.
#[must_use]
pub fn is_session_cookie(name: &str) -> bool {
    let rest = name.strip_prefix(SESSION_COOKIE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// What an account may do: each role all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub enum RoleJson {
    /// Search and listen.
    Listen,
    /// Add songs.
    Upload,
    /// Manage accounts and servers.
    Admin,
}

/// What a token is used by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = TokenKind)]
pub enum KindJson {
    /// A browser: its token comes as a cookie alone.
    Session,
    /// The command line.
    CommandLine,
    /// Another program.
    App,
}

/// A name and a password.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInJson {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// What the token is for; a session if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = KindJson, required = false)]
    pub kind: Option<KindJson>,
    /// The most that the token may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleJson, required = false)]
    pub scope: Option<RoleJson>,
    /// What its owner sees the token by.
    #[serde(default)]
    pub label: String,
}

/// The first administrator, by whoever has the code of the machine.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirstAdminJson {
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Who asks.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeJson {
    /// Whether everybody may do everything here, without an account.
    pub open: bool,
    /// Whether nobody can manage accounts yet.
    pub needs_first_admin: bool,
    /// The account, if a token told.
    #[schema(inline)]
    pub user: Option<UserJson>,
    /// What the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = KindJson, required = false)]
    pub kind: Option<KindJson>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserJson {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: RoleJson,
    /// Whether it may do nothing.
    pub disabled: bool,
}

/// An account that is wanted.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewUserJson {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// What it may do.
    pub role: RoleJson,
}

/// What is to change of an account; the rest stays.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserChangeJson {
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleJson, required = false)]
    pub role: Option<RoleJson>,
    /// Its password; its tokens end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub password: Option<String>,
    /// The password until now, where it is the own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub current_password: Option<String>,
    /// Whether it may do nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub disabled: Option<bool>,
}

/// A token that is wanted.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewTokenJson {
    /// The most that it may do.
    pub scope: RoleJson,
    /// What its owner sees it by.
    pub label: String,
    /// How many days it is good for.
    #[schema(minimum = 1, maximum = 3650)]
    pub days: u32,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub struct TokenJson {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub kind: KindJson,
    /// The most that it may do.
    pub scope: RoleJson,
    /// What its owner sees it by.
    pub label: String,
    /// When it was made.
    pub made_at: jiff::Timestamp,
    /// When it ends.
    pub expires_at: jiff::Timestamp,
    /// Whether it is the one in use.
    pub current: bool,
}

/// A token that was made. The secret is told here alone.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeTokenJson {
    /// The secret, sent as `Authorization: Bearer`.
    pub secret: String,
    /// The token.
    #[schema(inline)]
    pub token: TokenJson,
}

/// Somebody has signed in.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedInJson {
    /// The account.
    #[schema(inline)]
    pub user: UserJson,
    /// The secret of the token; none for a session, which has it in a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub secret: Option<String>,
    /// When the token ends.
    pub expires_at: jiff::Timestamp,
}
