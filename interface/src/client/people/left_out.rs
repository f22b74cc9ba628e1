//! A build without servers: there are no files of accounts on this machine.

use clap::Args;

use crate::fault::Fault;

/// For a build with servers alone
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Reset {}

impl Reset {
    #[expect(clippy::unused_async, reason = "it stands in for one that waits")]
    pub(super) async fn run(self) -> Result<(), Fault> {
        Err(Fault::Usage(
            "this program was built without servers: use the one with which the server runs"
                .to_owned(),
        ))
    }
}
