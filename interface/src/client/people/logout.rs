//! `kadenza logout`: the token is good for nothing any more, and is forgotten.

use clap::Args;
use kadenza_api::{code, paths};
use kadenza_middleware::{AccountCalls, CallError};
use kadenza_terminal::note;

use super::kept;
use crate::{
    client::servers::Addresses,
    fault::{Fault, complain},
    output,
};

/// Sign out: the server revokes what `kadenza login` was given, and it is removed from this machine
#[derive(Debug, Args)]
pub(crate) struct Logout {
    #[command(flatten)]
    addresses: Addresses,
}

impl Logout {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let (mut was_in, mut all_revoked) = (false, true);
        for server in self.addresses.named() {
            let Some(kept) = kept::of(server)? else {
                continue;
            };
            was_in = true;
            // Whatever the server says, nobody is signed in here afterwards.
            kept::forget(server)?;
            let calls = AccountCalls::new(server, self.addresses.config()?)?;
            let calls = calls.asked_by(kept.credential()?);
            match calls.tell(paths::SIGN_OUT).await {
                Ok(()) => output::print(&format!("signed out at {server}"))?,
                Err(CallError::Refused(refused)) if refused.code == code::NOT_SIGNED_IN => {
                    output::print(&format!(
                        "signed out at {server}, where the token had ended already"
                    ))?;
                }
                Err(error) => {
                    all_revoked = false;
                    let cause = kadenza_terminal::chain(&error);
                    complain(&format!(
                        "the token is forgotten here, and {server} could not be told, which takes it until it ends: \
                         `kadenza tokens revoke` ends it sooner: {cause}"
                    ));
                }
            }
        }
        if !was_in {
            note(&format!(
                "nobody was signed in at {}",
                self.addresses.named().join(" or ")
            ));
        }
        match all_revoked {
            true => Ok(()),
            false => Err(Fault::Told),
        }
    }
}
