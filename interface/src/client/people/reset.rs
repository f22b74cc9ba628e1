//! `kadenza users reset`: whoever is at the machine of a server lets an administrator in again.
//!
//! It works on the files of the server, which must be stopped: whoever can write them may do this anyway.

use std::path::PathBuf;

use clap::Args;
use kadenza_terminal::plain;

use super::asking::Asking;
use crate::{audit, fault::Fault, output, server};

/// Give an account another password and the role of an administrator, on the machine of a stopped server
///
/// For those who have lost the password of the last administrator. The account is enabled, and all its tokens end.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// The name of the account
    #[arg(value_name = "NAME")]
    name: String,

    /// The directory of the server's data
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    #[command(flatten)]
    asking: Asking,
}

impl Reset {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let accounts = server::accounts::of_stopped(&self.data).await?;
        let prompt = format!("New password of {}: ", plain(&self.name));
        let password = self.asking.new_password(&prompt).await?;
        audit::begin(&self.data);
        let user = accounts.reset(&self.name, password).await?;
        output::print(&format!(
            "{} is an administrator, with another password",
            plain(&user.name)
        ))
    }
}
