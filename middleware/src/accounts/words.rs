//! Accounts and tokens, from the words of HTTP and into them.

use kadenza_accounts::{Role, TokenInfo, TokenKind, User};
use kadenza_api::{KindJson, RoleJson, TokenJson, Unreadable, UserJson};

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

pub(super) fn kind(kind: KindJson) -> TokenKind {
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

pub(super) fn user(user: UserJson) -> Result<User, Unreadable> {
    Ok(User {
        id: user.id.parse()?,
        name: user.name,
        role: role(user.role),
        is_disabled: user.disabled,
    })
}

pub(super) fn token(token: TokenJson) -> Result<TokenInfo, Unreadable> {
    Ok(TokenInfo {
        id: token.id.parse()?,
        kind: kind(token.kind),
        scope: role(token.scope),
        label: token.label,
        made_ms: milliseconds(token.made_at),
        expires_ms: milliseconds(token.expires_at),
    })
}

pub(super) fn milliseconds(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}
