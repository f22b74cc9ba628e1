//! `kadenza serve`: a library on this machine, alone or as one node among others.

use clap::Args;
#[cfg(feature = "distributed")]
use kadenza_distributed::{NodeConfig, REPLICATION_DEFAULT, REPLICATION_MAX};
use tokio_util::sync::CancellationToken;

use crate::{
    cache::{Cache, Songs},
    fault::Fault,
    front::{Address, Door, address},
    given::Given,
    library::Shelf,
    limits, output,
    stack::{Ground, Plan},
};

/// Serve a library: as a node among others, or alone with --standalone
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    shelf: Shelf,

    /// The address to serve HTTP at; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4533", value_parser = address)]
    http: Address,

    /// Serve the library alone, without the distributed layer [always so in a build without it]
    #[arg(long)]
    standalone: bool,

    #[cfg(feature = "distributed")]
    #[command(flatten)]
    cluster: Cluster,

    #[command(flatten)]
    cache: Cache,
}

/// What only a node among others needs.
#[cfg(feature = "distributed")]
#[derive(Debug, Args)]
#[command(next_help_heading = "As a node among others")]
struct Cluster {
    /// The address to listen at for other nodes; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4534", value_parser = address)]
    rpc: Address,

    /// The address at which other nodes reach this one, where it is not that of --rpc; port 0
    /// means the port of --rpc
    #[arg(long, value_name = "ADDR", value_parser = advertised)]
    advertise: Option<Address>,

    /// The --rpc address of any node of the network to join, repeatable; none begins a new network
    #[arg(long, value_name = "ADDR", value_delimiter = ',', value_parser = address)]
    join: Vec<Address>,

    /// How many nodes keep a copy of each song
    #[arg(long, value_name = "N", default_value_t = REPLICATION_DEFAULT as u8, value_parser = clap::value_parser!(u8).range(1..=REPLICATION_MAX as i64))]
    replication: u8,
}

#[cfg(feature = "distributed")]
fn advertised(text: &str) -> Result<Address, String> {
    let address = address(text)?;
    if address.is_unspecified() {
        return Err("this is no address that others can reach: name the host's own".to_owned());
    }
    Ok(address)
}

impl Serve {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        limits::raise_open_files();
        self.check()?;
        // Bound first: a node tells the others where it speaks HTTP, and port 0 is known only then.
        let door = Door::bind(&self.http).await?;
        let plan = self.plan(&door).await?;
        let running = door.open(plan).await?;
        output::ready(running.http(), running.rpc());
        running.until(&end).await
    }

    /// Refuses what cannot be meant before anything is done.
    fn check(&self) -> Result<(), Fault> {
        self.cache.check(&self.given)?;
        #[cfg(feature = "distributed")]
        if !self.standalone {
            return self.shelf.data_of_a_node().map(|_| ());
        }
        #[cfg(feature = "distributed")]
        self.given.none_of(
            &["rpc", "advertise", "join", "replication"],
            "is for a node among others, which a server that is --standalone is not: leave one of the two out",
        )?;
        self.shelf.check(&self.given)
    }

    #[cfg(feature = "distributed")]
    async fn plan(self, door: &Door) -> Result<Plan, Fault> {
        if self.standalone {
            return self.alone(door);
        }
        let data = self.shelf.data_of_a_node()?.to_owned();
        let Cluster {
            rpc,
            advertise,
            join,
            replication,
        } = self.cluster;
        if rpc.is_unspecified() && advertise.is_none() {
            return Err(Fault::Usage(format!(
                "--rpc {rpc} listens everywhere, so other nodes have to be told one address: --advertise HOST:PORT"
            )));
        }
        let bounds = self.shelf.config();
        let reachable = advertise.as_ref().unwrap_or(&rpc);
        let url = door.url(reachable.host());
        let cache = self.cache.plan(&self.given, Songs::Shared, &url)?;
        let config = NodeConfig {
            listen: rpc.resolve("--rpc").await?,
            advertise: match &advertise {
                Some(advertise) => Some(advertise.resolve("--advertise").await?),
                None => None,
            },
            join: join.iter().map(Address::to_string).collect(),
            replication: usize::from(replication),
            http: Some(url.clone()),
            ..NodeConfig::new(data)
        };
        Ok(Plan {
            ground: Ground::Node(config, bounds),
            cache,
            page: false,
            url: Some(url),
        })
    }

    #[cfg(not(feature = "distributed"))]
    async fn plan(self, door: &Door) -> Result<Plan, Fault> {
        self.alone(door)
    }

    fn alone(self, door: &Door) -> Result<Plan, Fault> {
        let songs = match self.shelf.is_shared() {
            true => Songs::Shared,
            false => Songs::OfThisProcess,
        };
        let url = door.url("localhost");
        Ok(Plan {
            cache: self.cache.plan(&self.given, songs, &url)?,
            ground: Ground::Library(self.shelf),
            page: false,
            url: None,
        })
    }
}
