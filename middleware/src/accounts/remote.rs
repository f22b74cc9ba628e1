//! Accounts that other servers have.

use std::net::IpAddr;

use async_trait::async_trait;
use kadenza_accounts::{
    AccountId, Accounts, AccountsError, Caller, MadeToken, NewToken, NewUser, Result, Secret,
    SignIn, TokenId, TokenInfo, TokenKind, User, UserChange,
};
use kadenza_api::{
    FirstAdminJson, MadeTokenJson, MeJson, NewTokenJson, NewUserJson, PageJson, SignInJson,
    SignedInJson, TokenJson, Unreadable, UserChangeJson, UserJson, is_session_cookie, paths,
};
use kadenza_contract::{Credential, Error};
use reqwest::{
    Method,
    header::{HeaderMap, SET_COOKIE},
};
use serde::de::DeserializeOwned;

use super::{
    changes::Answer,
    doors::Doors,
    known::Known,
    words::{self, BODY_BYTES_MAX, kind, kind_json, milliseconds, role, role_json},
};
use crate::{
    asker::Asker,
    choice::Kind,
    http::exchange::{Failed, How},
};

/// The accounts of the servers of a [`Client`](crate::Client), for a server in front of them.
///
/// Whether everybody may do everything is decided by all servers together: only where each says so. Who has a token is
/// asked once in five seconds; a token that is revoked through here is refused at once, one that is revoked elsewhere
/// after five seconds. Where no server can be asked, nobody is let in.
///
/// Servers count failures to sign in by name, and do not hear from which address they come.
#[derive(Debug)]
pub struct RemoteAccounts {
    /// Asks on nobody's behalf.
    anyone: Asker,
    doors: Doors,
    known: Known,
}

impl RemoteAccounts {
    /// The accounts of these servers.
    pub(crate) fn over(asker: &Asker) -> RemoteAccounts {
        RemoteAccounts {
            anyone: asker.another(None),
            doors: Doors::default(),
            known: Known::default(),
        }
    }

    /// What the servers say of somebody. One that is open knows nobody, so that others are asked first.
    async fn me(&self, asker: &Asker) -> Result<MeJson> {
        let ask = |server| async move {
            let parse = |me: MeJson| Ok(me);
            asker
                .json_of(&server, paths::ME, &(), BODY_BYTES_MAX, &parse)
                .await
        };
        let me = asker.read_whole(Kind::Account, ask, |me| me.open.then_some(()));
        me.await.map_err(told)
    }

    /// A list of something of a caller.
    async fn list<T: DeserializeOwned + Send, U: Send>(
        &self,
        caller: &Caller,
        path: &str,
        parse: impl Fn(T) -> Result<U, Unreadable> + Send + Sync,
    ) -> Result<Vec<U>> {
        let asker = &self.asker(caller)?;
        let parse = &|page: PageJson<T>| page.items.into_iter().map(&parse).collect();
        let ask = |server| async move {
            asker
                .json_of(&server, path, &(), BODY_BYTES_MAX, parse)
                .await
        };
        asker.read(Kind::Account, ask).await.map_err(told)
    }

    /// Asks on behalf of a caller.
    fn asker(&self, caller: &Caller) -> Result<Asker> {
        let credential = caller.credential.as_ref();
        let credential = credential.ok_or(AccountsError::NotSignedIn)?;
        Ok(self.anyone.another(Some(credential)))
    }
}

#[async_trait]
impl Accounts for RemoteAccounts {
    async fn is_open(&self) -> Result<bool> {
        let open = self.doors.are_open(&self.anyone).await;
        open.map_err(AccountsError::Storage)
    }

    async fn needs_first_admin(&self) -> Result<bool> {
        Ok(self.me(&self.anyone).await?.needs_first_admin)
    }

    async fn make_first_admin(
        &self,
        code: &Secret,
        admin: NewUser,
        _from: Option<IpAddr>,
    ) -> Result<User> {
        let wanted = FirstAdminJson {
            code: code.expose().to_owned(),
            name: admin.name,
            password: admin.password.expose().to_owned(),
        };
        let made = self
            .anyone
            .change(Method::POST, paths::FIRST_ADMIN, |request| {
                request.json(&wanted)
            });
        read(made.await.map_err(wrong_password)?, words::user)
    }

    async fn sign_in(&self, attempt: SignIn) -> Result<MadeToken> {
        let wanted = SignInJson {
            name: attempt.name,
            password: attempt.password.expose().to_owned(),
            kind: Some(kind_json(attempt.kind)),
            scope: attempt.scope.map(role_json),
            label: attempt.label.clone(),
        };
        let signed_in = self.anyone.change(Method::POST, paths::SIGN_IN, |request| {
            request.json(&wanted)
        });
        let (headers, body) = signed_in.await.map_err(wrong_password)?;
        let made_ms = milliseconds(jiff::Timestamp::now());
        let parse = |signed_in: SignedInJson| {
            let secret = signed_in.secret.map(Secret::from);
            let secret = secret.or_else(|| session(&headers));
            let secret = secret.ok_or("a token without its secret")?;
            let (_, token) = secret.token().ok_or("a token that names none")?;
            let User { id, name, role, .. } = words::user(signed_in.user)?;
            let info = TokenInfo {
                id: token,
                kind: attempt.kind,
                scope: role,
                label: attempt.label,
                made_ms,
                expires_ms: milliseconds(signed_in.expires_at),
            };
            let credential = Some(Credential::new(secret.expose()).map_err(|e| e.to_string())?);
            let caller = Caller {
                account: id,
                name,
                role,
                token,
                kind: attempt.kind,
                credential,
            };
            Ok(MadeToken {
                secret,
                info,
                caller,
            })
        };
        read((HeaderMap::new(), body), parse)
    }

    async fn authenticate(&self, secret: &Secret) -> Result<Caller> {
        let credential = Credential::new(secret.expose());
        let credential = credential.map_err(|_| AccountsError::NotSignedIn)?;
        // What is no token of a server of ours is asked of none.
        let (account, token) = secret.token().ok_or(AccountsError::NotSignedIn)?;
        let known = self.known.get(secret);
        let caller = match known {
            Some(caller) => caller,
            None => {
                let asked = self.known.ask();
                let me = self.me(&self.anyone.another(Some(&credential))).await?;
                let is_asked = !me.open;
                let user = me.user.filter(|user| is_asked && !user.disabled);
                let user = user.ok_or(AccountsError::NotSignedIn)?;
                let caller = Caller {
                    account: user.id.parse().map_err(nonsense)?,
                    name: user.name,
                    role: role(user.role),
                    token,
                    kind: me.kind.map_or(TokenKind::App, kind),
                    credential: None,
                };
                if caller.account != account {
                    return Err(nonsense("another account than that of the token"));
                }
                self.known.remember(asked, secret, &caller);
                caller
            }
        };
        Ok(Caller {
            credential: Some(credential),
            ..caller
        })
    }

    async fn users(&self, caller: &Caller) -> Result<Vec<User>> {
        self.list::<UserJson, _>(caller, paths::USERS, words::user)
            .await
    }

    async fn add_user(&self, caller: &Caller, user: NewUser) -> Result<User> {
        let wanted = NewUserJson {
            name: user.name,
            password: user.password.expose().to_owned(),
            role: role_json(user.role),
        };
        let asker = self.asker(caller)?;
        let added = asker.change(Method::POST, paths::USERS, |request| request.json(&wanted));
        read(added.await.map_err(refused)?, words::user)
    }

    async fn change_user(
        &self,
        caller: &Caller,
        id: AccountId,
        change: UserChange,
    ) -> Result<User> {
        let exposed = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
        let names_password = change.current_password.is_some();
        let wanted = UserChangeJson {
            role: change.role.map(role_json),
            password: exposed(change.password),
            current_password: exposed(change.current_password),
            disabled: change.is_disabled,
        };
        let path = format!("{}/{id}", paths::USERS);
        let asker = self.asker(caller)?;
        let changed = asker
            .change(Method::PATCH, &path, |request| request.json(&wanted))
            .await;
        self.known.forget_all();
        // The token was good a moment ago.
        let refused = if names_password {
            wrong_password
        } else {
            refused
        };
        read(changed.map_err(refused)?, words::user)
    }

    async fn delete_user(&self, caller: &Caller, id: AccountId) -> Result<()> {
        let path = format!("{}/{id}", paths::USERS);
        let asker = self.asker(caller)?;
        let deleted = asker.change(Method::DELETE, &path, |request| request).await;
        self.known.forget_all();
        deleted.map(|_| ()).map_err(refused)
    }

    async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenInfo>> {
        self.list::<TokenJson, _>(caller, paths::TOKENS, words::token)
            .await
    }

    async fn make_token(&self, caller: &Caller, token: NewToken) -> Result<MadeToken> {
        let wanted = NewTokenJson {
            scope: role_json(token.scope),
            label: token.label,
            days: token.days,
        };
        let asker = self.asker(caller)?;
        let made = asker.change(Method::POST, paths::TOKENS, |request| request.json(&wanted));
        let parse = |made: MadeTokenJson| {
            let info = words::token(made.token)?;
            let credential = Some(Credential::new(&made.secret).map_err(|e| e.to_string())?);
            let caller = Caller {
                role: info.scope.min(caller.role),
                token: info.id,
                kind: info.kind,
                credential,
                ..caller.clone()
            };
            Ok(MadeToken {
                secret: made.secret.into(),
                info,
                caller,
            })
        };
        read(made.await.map_err(refused)?, parse)
    }

    async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let path = format!("{}/{id}", paths::TOKENS);
        let asker = self.asker(caller)?;
        let revoked = asker.change(Method::DELETE, &path, |request| request).await;
        self.known.forget_all();
        revoked.map(|_| ()).map_err(refused)
    }
}

/// The token that a server gives to a browser.
fn session(headers: &HeaderMap) -> Option<Secret> {
    let mut cookies = headers.get_all(SET_COOKIE).iter();
    cookies.find_map(|cookie| {
        let pair = cookie.to_str().ok()?.split(';').next()?;
        let (name, value) = pair.split_once('=')?;
        is_session_cookie(name).then(|| Secret::from(value.to_owned()))
    })
}

fn read<T: DeserializeOwned, U>(
    (_, body): Answer,
    parse: impl FnOnce(T) -> Result<U, Unreadable>,
) -> Result<U> {
    kadenza_api::read(&body).and_then(parse).map_err(nonsense)
}

/// What the refusal of a change means.
fn refused(failed: Failed) -> AccountsError {
    match (failed.how, failed.error) {
        (How::Absent, _) => AccountsError::NotFound,
        (How::Conflict, Error::Invalid { what }) => AccountsError::Conflict { what },
        (_, error) => told(error),
    }
}

/// The same, where whoever is not known has named a wrong password.
fn wrong_password(failed: Failed) -> AccountsError {
    match refused(failed) {
        AccountsError::NotSignedIn => AccountsError::WrongPassword,
        error => error,
    }
}

/// What an error of a server means. Of those that do not answer as they should only the log tells.
fn told(error: Error) -> AccountsError {
    match error {
        Error::NotSignedIn => AccountsError::NotSignedIn,
        Error::Wait { seconds } => AccountsError::Wait { seconds },
        Error::Busy => AccountsError::Busy,
        Error::Forbidden { .. } | Error::Invalid { .. } => AccountsError::Elsewhere(error),
        error => unreachable(error),
    }
}

fn nonsense(what: impl Into<String>) -> AccountsError {
    unreachable(Error::Protocol {
        place: "a server".to_owned(),
        what: what.into(),
    })
}

/// Nobody is let in on a guess.
fn unreachable(cause: Error) -> AccountsError {
    AccountsError::Storage(Error::Unreachable {
        place: "a server that knows the accounts".to_owned(),
        cause: Box::new(cause),
    })
}
