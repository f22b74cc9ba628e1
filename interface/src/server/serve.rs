//! `kadenza serve`: a library on this machine, alone or as one node among others.

use clap::Args;
use kadenza_stack::Address;
use tokio_util::sync::CancellationToken;

use super::{
    compose::compose,
    flags::{CacheFlags, Given, LibraryFlags, Open, PeopleFlags, SiteFlags, TlsFlags},
    listen,
    network::NetworkFlags,
    plan::Plan,
    process::limits,
};
use crate::fault::Fault;

/// Serve a library: as a node among others, or alone with --standalone
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    given: Given,

    /// The address to serve HTTP at; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4533")]
    http: Address,

    #[command(flatten)]
    tls: TlsFlags,

    #[command(flatten)]
    site: SiteFlags,

    /// Serve the library alone, without the distributed layer [always so in a build without it]
    #[arg(long)]
    standalone: bool,

    #[command(flatten)]
    open: Open,

    #[command(flatten)]
    people: PeopleFlags,

    // After the flags without a heading: its bounds begin one.
    #[command(flatten)]
    library: LibraryFlags,

    #[command(flatten)]
    network: NetworkFlags,

    #[command(flatten)]
    cache: CacheFlags,
}

impl Serve {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        limits::raise_open_files();
        // Contradictory flags are refused before anything is done.
        self.cache.check(&self.given)?;
        let roots = self.library.roots()?;
        let choice = self
            .network
            .choice(self.standalone, self.open, self.library, &self.given)?;
        self.open.check(&[("--http", &self.http)]).await?;
        // Bound first: a node tells the others where it speaks HTTP, and port 0 is known only then.
        let listener = listen::http(&self.http, &self.tls, &self.site).await?;
        let site = self
            .site
            .site([&self.http].into_iter().chain(choice.addresses()));
        let sign_in = self.people.sign_in(self.open, listener.address());
        let served = choice.served_base(&listener).await?;
        let plan = Plan {
            cache: self
                .cache
                .cache(&self.given, served.library_use, &served.url, &roots)?,
            base: served.base,
            page: false,
            sign_in,
            site,
            url: served.is_advertised.then_some(served.url),
        };
        let running = compose(plan, listener).await?;
        running.say_ready();
        running.until(&end).await
    }
}
