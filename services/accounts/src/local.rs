//! Accounts of this process: a directory in memory, kept by a store.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};

use crate::{
    attempts::{Attempts, Who},
    directory::{Account, TokenKept},
    entry::{Change, TokenKind},
    error::{AccountsError, Result},
    ids::{AccountId, TokenId},
    names::UserName,
    passwords::Passwords,
    role::Role,
    secret::{Secret, same},
    service::{
        Accounts, Caller, MadeToken, NewToken, NewUser, SignIn, TokenInfo, User, UserChange,
    },
    signatures::{Signatures, Vouching},
    store::EntryStore,
};

mod first;
mod opening;
mod reset;
mod room;
mod rules;
mod shared;
mod sharing;
mod state;
mod tokens;
mod told;
mod writing;

#[cfg(test)]
mod tests;

pub use first::FirstCode;
use rules::{admin, admins, gone, not_the_last_admin};
use sharing::Sharing;
pub use sharing::{Lacking, Written};
use state::State;
use told::{caller, info, told};

/// The target of the events for the audit log.
const AUDIT: &str = "audit";

/// Tells the time, in milliseconds since 1970.
pub type Now = fn() -> u64;

/// Accounts that this process keeps.
#[derive(Debug)]
pub struct LocalAccounts {
    store: Arc<dyn EntryStore>,
    now: Now,
    state: Arc<RwLock<State>>,
    /// Held while entries are written, so that each change builds on the one before.
    writing: Arc<tokio::sync::Mutex<()>>,
    passwords: Passwords,
    attempts: Mutex<Attempts>,
    first: Option<FirstCode>,
    signatures: Arc<dyn Signatures>,
    vouching: OnceLock<Arc<dyn Vouching>>,
    sharing: Sharing,
}

impl LocalAccounts {
    /// Removes the file of the first administrator's code, since there is one.
    pub fn spend_first_code(&self) {
        if let Some(first) = &self.first {
            first.spend();
        }
    }

    /// Counts an attempt, unless those before it were too many.
    fn begin_attempt(&self, who: &[Who]) -> Result<()> {
        let now_ms = (self.now)();
        let mut attempts = self.attempts.lock();
        if let Some(seconds) = attempts.wait(who, now_ms) {
            return Err(AccountsError::Wait { seconds });
        }
        attempts.begun(who, now_ms);
        Ok(())
    }

    fn caller_of(&self, secret: &Secret) -> Option<Caller> {
        let (account, id) = secret.token()?;
        let state = self.state.read();
        let account = state
            .directory
            .account(account)
            .filter(|account| !account.is_disabled)?;
        let kept = state.directory.token(account.id, id, (self.now)())?;
        same(&kept.token.hash, &secret.hash()).then(|| caller(&account, &kept))
    }

    fn account(&self, id: AccountId) -> Result<Account> {
        self.state
            .read()
            .directory
            .account(id)
            .ok_or(AccountsError::NotFound)
    }

    async fn add(&self, actor: Option<AccountId>, user: NewUser, is_first: bool) -> Result<User> {
        let name = UserName::try_from(user.name).map_err(AccountsError::invalid)?;
        let phc = self.passwords.hash(&user.password).await?;
        let id = AccountId(rand::random());
        let made = self.write(actor, |directory| {
            if is_first && admins(directory).next().is_some() {
                return Err(AccountsError::WrongPassword);
            }
            if directory.named(&name.key()).is_some() {
                return Err(AccountsError::Exists);
            }
            let changes = [
                Change::Name(name),
                Change::Role(user.role),
                Change::Password(phc),
            ];
            Ok(((), changes.map(|change| (id, change)).to_vec()))
        });
        made.await?;
        self.account(id).map(told)
    }
}

#[async_trait]
impl Accounts for LocalAccounts {
    async fn is_open(&self) -> Result<bool> {
        Ok(false)
    }

    async fn needs_first_admin(&self) -> Result<bool> {
        Ok(admins(&self.state.read().directory).next().is_none())
    }

    async fn make_first_admin(
        &self,
        code: &Secret,
        admin: NewUser,
        from: Option<IpAddr>,
    ) -> Result<User> {
        let who: Vec<Who> = from.map(Who::at).into_iter().collect();
        self.begin_attempt(&who)?;
        let first = self.first.as_ref().ok_or(AccountsError::WrongPassword)?;
        if !first.is(code) || !self.needs_first_admin().await? {
            return Err(AccountsError::WrongPassword);
        }
        let admin = NewUser {
            role: Role::Admin,
            ..admin
        };
        let user = self.add(None, admin, true).await?;
        tracing::info!(target: AUDIT, who = user.name, from = place(from), "first-admin-made");
        first.spend();
        self.attempts.lock().succeeded(&who);
        Ok(user)
    }

    async fn sign_in(&self, attempt: SignIn) -> Result<MadeToken> {
        let name = UserName::try_from(attempt.name).map_err(|_| AccountsError::WrongPassword)?;
        let key = name.key();
        let who: Vec<Who> = std::iter::once(Who::Name(key.clone()))
            .chain(attempt.from.map(Who::at))
            .collect();
        self.begin_attempt(&who)?;
        let account = self.state.read().directory.named(&key);
        let phc = account
            .as_ref()
            .and_then(|account| account.password.as_deref());
        let is_right = self.passwords.verify(&attempt.password, phc).await?;
        let from = place(attempt.from);
        let Some(account) = account
            .as_ref()
            .filter(|account| is_right && !account.is_disabled)
        else {
            // What is no name may be a password that was typed in the wrong place.
            let who = account.map_or("nobody of this name".to_owned(), |one| one.called);
            tracing::info!(target: AUDIT, who, from, "sign-in-failed");
            return Err(AccountsError::WrongPassword);
        };
        self.attempts.lock().succeeded(&who);
        let days = match attempt.kind {
            TokenKind::Session => 30,
            TokenKind::CommandLine => 90,
            TokenKind::App => 365,
        };
        let wanted = NewToken {
            kind: attempt.kind,
            scope: attempt.scope.unwrap_or(account.role),
            label: attempt.label,
            days,
        };
        let made = self.give_token(account, wanted).await?;
        let (who, token) = (&made.caller.name, made.caller.token);
        tracing::info!(target: AUDIT, who, from, %token, role = made.caller.role.name(), "signed-in");
        Ok(made)
    }

    async fn authenticate(&self, secret: &Secret) -> Result<Caller> {
        if let Some(caller) = self.caller_of(secret) {
            return Ok(caller);
        }
        // Another process may have made it just now.
        if secret.token().is_some() {
            self.refresh().await?;
        }
        self.caller_of(secret).ok_or(AccountsError::NotSignedIn)
    }

    async fn users(&self, caller: &Caller) -> Result<Vec<User>> {
        admin(caller)?;
        let mut users: Vec<User> = self.state.read().directory.accounts().map(told).collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    async fn add_user(&self, caller: &Caller, user: NewUser) -> Result<User> {
        admin(caller)?;
        let user = self.add(Some(caller.account), user, false).await?;
        let (who, role) = (&caller.name, user.role.name());
        tracing::info!(target: AUDIT, who, user = user.name, role, "user-added");
        Ok(user)
    }

    async fn change_user(
        &self,
        caller: &Caller,
        id: AccountId,
        change: UserChange,
    ) -> Result<User> {
        let is_own = caller.account == id;
        if !is_own || change.role.is_some() || change.is_disabled.is_some() {
            admin(caller)?;
        }
        let phc = match &change.password {
            Some(password) => {
                if is_own {
                    let name = self.account(id)?.name.key();
                    self.begin_attempt(&[Who::Name(name.clone())])?;
                    let phc = self.account(id)?.password;
                    let current = change.current_password.as_ref();
                    let current =
                        current.ok_or(AccountsError::invalid("name the current password"))?;
                    if !self.passwords.verify(current, phc.as_deref()).await? {
                        return Err(AccountsError::WrongPassword);
                    }
                    self.attempts.lock().succeeded(&[Who::Name(name)]);
                }
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let written = self.write(Some(caller.account), |directory| {
            let account = directory.account(id).ok_or(AccountsError::NotFound)?;
            let ends = change.is_disabled == Some(true)
                || change.role.is_some_and(|role| role < Role::Admin);
            if ends {
                not_the_last_admin(directory, &account)?;
            }
            let mut changes = Vec::new();
            let role = change.role.filter(|role| *role != account.role);
            changes.extend(role.map(Change::Role));
            match (change.is_disabled, account.disabled) {
                // Enabling it again shall not let in whoever had one of its tokens.
                (Some(true), _) => changes.extend([Change::Disabled, Change::TokensEnded]),
                (Some(false), Some(lifts)) if account.is_disabled => {
                    changes.push(Change::Enabled { lifts });
                }
                _ => {}
            }
            if let Some(phc) = phc {
                changes.extend([Change::Password(phc), Change::TokensEnded]);
            }
            let is_changed = !changes.is_empty();
            let changes = changes.into_iter().map(|change| (id, change));
            Ok((is_changed, changes.collect()))
        });
        let is_changed = written.await?;
        let user = self.account(id).map(told)?;
        if !is_changed {
            return Ok(user);
        }
        tracing::info!(
            target: AUDIT,
            who = caller.name,
            user = user.name,
            role = change.role.map_or("same", Role::name),
            disabled = user.is_disabled,
            new_password = change.password.is_some(),
            "user-changed"
        );
        Ok(user)
    }

    async fn delete_user(&self, caller: &Caller, id: AccountId) -> Result<()> {
        admin(caller)?;
        let written = self.write(Some(caller.account), |directory| {
            let account = directory.account(id).ok_or(AccountsError::NotFound)?;
            not_the_last_admin(directory, &account)?;
            Ok((account.called, vec![(id, Change::Deleted)]))
        });
        let user = written.await?;
        tracing::info!(target: AUDIT, who = caller.name, user, "user-deleted");
        Ok(())
    }

    async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenInfo>> {
        let state = self.state.read();
        let mut tokens: Vec<TokenKept> = state
            .directory
            .tokens(caller.account, (self.now)())
            .collect();
        tokens.sort_by_key(|kept| kept.made);
        Ok(tokens.into_iter().map(info).collect())
    }

    async fn make_token(&self, caller: &Caller, token: NewToken) -> Result<MadeToken> {
        // Else the token of a lost device could make another one that outlives it.
        if caller.kind == TokenKind::App {
            return Err(AccountsError::Forbidden {
                needed: "people who signed in, not for programs",
            });
        }
        if token.scope > caller.role {
            return Err(AccountsError::Forbidden {
                needed: "accounts and tokens with a larger role",
            });
        }
        let account = self.account(caller.account)?;
        let made = self.give_token(&account, token).await?;
        let (who, token) = (&caller.name, made.info.id);
        let (role, label) = (made.info.scope.name(), &made.info.label);
        tracing::info!(target: AUDIT, who, %token, role, label, "token-made");
        Ok(made)
    }

    async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let now_ms = (self.now)();
        let written = self.write(Some(caller.account), |directory| {
            let kept = directory
                .token(caller.account, id, now_ms)
                .ok_or(AccountsError::NotFound)?;
            Ok(((), vec![(caller.account, gone(&kept))]))
        });
        written.await?;
        tracing::info!(target: AUDIT, who = caller.name, token = %id, "token-revoked");
        Ok(())
    }
}

/// Where a request comes from, as the audit log says it.
fn place(from: Option<IpAddr>) -> String {
    from.map_or_else(|| "unknown".to_owned(), |from| from.to_string())
}
