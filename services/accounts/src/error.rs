//! Why accounts did not do what they were asked.

/// The result of every call of [`Accounts`](crate::Accounts).
pub type Result<T, E = AccountsError> = std::result::Result<T, E>;

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The name, the password or the code is wrong, or the account is disabled. Which of them is not told.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// The token is unknown, has ended or was revoked, or its account may do nothing.
    #[error("sign in first: this token is not, or no longer, good for anything")]
    NotSignedIn,
    /// The caller may not do this.
    #[error("this is for {needed}")]
    Forbidden {
        /// Who may.
        needed: &'static str,
    },
    /// Too many attempts failed.
    #[error("too many attempts failed: try again in {seconds} s")]
    Wait {
        /// How long to wait.
        seconds: u64,
    },
    /// Too many passwords are being checked.
    #[error("too many people sign in at once: try again in a moment")]
    Busy,
    /// There is no such account or token.
    #[error("there is no such account or token")]
    NotFound,
    /// There is an account of this name already.
    #[error("there is an account of this name already")]
    Exists,
    /// Afterwards nobody could manage accounts.
    #[error("this is the last administrator: make another one first")]
    LastAdmin,
    /// There are as many accounts or tokens as there may be.
    #[error(
        "there are too many accounts, or too many tokens of this account: changing its password ends them all"
    )]
    Full,
    /// It cannot be, for a reason that another server tells.
    #[error("{what}")]
    Conflict {
        /// The reason.
        what: String,
    },
    /// Another server, which has the accounts, refused.
    #[error(transparent)]
    Elsewhere(kadenza_contract::Error),
    /// What was asked makes no sense.
    #[error("{what}")]
    Invalid {
        /// What would be right.
        what: &'static str,
    },
    /// The accounts could not be read or written.
    #[error("the accounts could not be kept")]
    Storage(#[source] kadenza_contract::Error),
}

impl AccountsError {
    /// A mistake in what was asked.
    #[must_use]
    pub fn invalid(what: &'static str) -> AccountsError {
        AccountsError::Invalid { what }
    }
}
