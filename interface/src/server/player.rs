//! `kadenza player`: the web player, for servers elsewhere.

use clap::Args;
use kadenza_stack::Address;
use tokio_util::sync::CancellationToken;

use super::{
    compose::compose,
    flags::{Open, SiteFlags, TlsFlags},
    listen,
    plan::{Base, Plan},
    process::limits,
};
use crate::{
    client::{authorities::Authorities, servers::server_url},
    fault::Fault,
};

/// Serve the web player, for one or many servers
#[derive(Debug, Args)]
pub(crate) struct Player {
    /// The servers behind the player, one or more [in the variable: separated by commas]
    #[arg(long, value_name = "URL", value_delimiter = ',', num_args = 1.., value_parser = server_url)]
    #[arg(default_value = "http://127.0.0.1:4533")]
    server: Vec<String>,

    #[command(flatten)]
    authorities: Authorities,

    /// The address to serve the player at; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4545")]
    http: Address,

    #[command(flatten)]
    open: Open,

    #[command(flatten)]
    tls: TlsFlags,

    #[command(flatten)]
    site: SiteFlags,
}

impl Player {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        limits::raise_open_files();
        self.open.check(&[("--http", &self.http)]).await?;
        let listener = listen::http(&self.http, &self.tls, &self.site).await?;
        let plan = Plan {
            base: Base::Servers {
                roots: self.authorities.roots()?,
                urls: self.server,
            },
            cache: None,
            page: true,
            sign_in: false,
            site: self.site.site([&self.http]),
            url: None,
        };
        let running = compose(plan, listener).await?;
        running.say_ready();
        running.until(&end).await
    }
}
