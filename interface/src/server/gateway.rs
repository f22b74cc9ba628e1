//! `kadenza gateway`: one address for many servers.

use clap::Args;
use kadenza_stack::Address;
use tokio_util::sync::CancellationToken;

use super::{
    compose::compose,
    flags::{CacheFlags, Given, LibraryUse, Open, SiteFlags, TlsFlags},
    listen,
    plan::{Base, Plan},
};
use crate::{
    client::{authorities::Authorities, servers::server_url},
    fault::Fault,
};

/// Serve many servers under one address, with failover between them
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(flatten)]
    given: Given,

    /// The servers behind the gateway, one or more
    #[arg(long, value_name = "URL", value_delimiter = ',', num_args = 1.., value_parser = server_url)]
    #[arg(required = true)]
    server: Vec<String>,

    #[command(flatten)]
    authorities: Authorities,

    /// The address to serve HTTP at; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4533")]
    http: Address,

    #[command(flatten)]
    open: Open,

    #[command(flatten)]
    tls: TlsFlags,

    #[command(flatten)]
    site: SiteFlags,

    #[command(flatten)]
    cache: CacheFlags,
}

impl Gateway {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        self.cache.check(&self.given)?;
        self.open.check(&[("--http", &self.http)]).await?;
        let listener = listen::http(&self.http, &self.tls, &self.site).await?;
        let url = listener.url("localhost");
        let roots = self.authorities.roots()?;
        let plan = Plan {
            cache: self
                .cache
                .cache(&self.given, LibraryUse::Shared, &url, &roots)?,
            base: Base::Servers {
                roots,
                urls: self.server,
            },
            page: false,
            sign_in: false,
            site: self.site.site([&self.http]),
            url: None,
        };
        let running = compose(plan, listener).await?;
        running.say_ready();
        running.until(&end).await
    }
}
