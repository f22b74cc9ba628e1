//! The flags of a node among others, and what they mean.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use kadenza_distributed::{Beginning, NodeConfig, REPLICATION_DEFAULT, REPLICATION_MAX};
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{Address, HttpListener, LibraryLocation};

use super::{capacity, introductions::Introduced, served_base::ServedBase};
use crate::{
    fault::Fault,
    server::{
        flags::{
            Given, LibraryFlags, LibraryUse, Open,
            values::{size, time},
        },
        listen::resolve,
        neighbours::Neighbours,
        plan::{Base, NodePlan},
    },
};

/// The flags that only a node among others needs.
#[derive(Debug, Args)]
#[command(next_help_heading = "As a node among others")]
pub(in crate::server) struct NetworkFlags {
    /// The address at which this node listens for other nodes; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4534")]
    rpc: Address,

    /// The address at which other nodes reach this one, if it is not that of --rpc; port 0 means the
    /// port of --rpc
    #[arg(long, value_name = "ADDR", value_parser = advertised)]
    advertise: Option<Address>,

    /// The --rpc address of any node of the network to join; repeatable. None has to be up yet: the node
    /// waits for them, and takes no uploads until it has met one
    #[arg(
        long,
        value_name = "ADDR",
        value_delimiter = ',',
        conflicts_with = "bootstrap"
    )]
    join: Vec<Address>,

    /// A file with such addresses, one a line, read again each time that the node asks; `#` begins a comment
    #[arg(long, value_name = "FILE", conflicts_with = "bootstrap")]
    join_file: Option<PathBuf>,

    /// Announce this node in the local network by mDNS, and without --bootstrap also join through the nodes that are
    /// announced there. Nobody proves who it is: for local networks that you trust
    #[arg(long)]
    mdns: bool,

    /// Begin a network with this node. Where --data belongs to a network already, it changes nothing
    #[arg(long)]
    bootstrap: bool,

    /// How many nodes keep a copy of each song
    #[arg(long, value_name = "N", default_value_t = REPLICATION_DEFAULT as u8, value_parser = clap::value_parser!(u8).range(1..=REPLICATION_MAX as i64))]
    replication: u8,

    /// After how long without an answer a node counts as absent, so that its copies are made anew on others, as in
    /// 30s or 10min; a machine that starts anew meanwhile moves nothing. At once where too few nodes are left to
    /// take an upload
    #[arg(long, value_name = "TIME", default_value = "10min", value_parser = time)]
    repair_after: Duration,

    /// How many bytes of audio this node gives to others in a second at most to repair, as in 20MB; 0 for any number
    #[arg(long, value_name = "SIZE", default_value = "50MB", value_parser = size)]
    repair_rate: u64,

    /// How much audio this node can hold, as in 500GB: one with twice as much is given twice as much. The size of its
    /// disk if not given, rounded
    #[arg(long, value_name = "SIZE", value_parser = size)]
    capacity: Option<u64>,
}

const FLAGS: [&str; 10] = [
    "rpc",
    "advertise",
    "join",
    "join-file",
    "mdns",
    "bootstrap",
    "replication",
    "repair-after",
    "repair-rate",
    "capacity",
];

fn advertised(text: &str) -> Result<Address, String> {
    let address: Address = text.parse()?;
    if address.is_unspecified() {
        return Err("this is no address that others can reach: name the host's own".to_owned());
    }
    Ok(address)
}

/// The choice of the flags.
#[derive(Debug)]
pub(in crate::server) enum BaseChoice {
    /// A library alone.
    Alone(LibraryLocation),
    /// A library as one of many.
    Node {
        /// Its directory.
        data: PathBuf,
        /// The place of its audio, and its bounds.
        bounds: LibraryConfig,
        /// The flags of a node.
        flags: NetworkFlags,
        /// Whether it is open to everybody on this machine.
        open: Open,
    },
}

impl NetworkFlags {
    /// Reads the flags. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the flags contradict each other.
    pub(in crate::server) fn choice(
        self,
        standalone: bool,
        open: Open,
        library: LibraryFlags,
        given: &Given,
    ) -> Result<BaseChoice, Fault> {
        if standalone {
            given.none_of(
                &FLAGS,
                "is for a node among others, which a server that is --standalone is not: leave one of the two out",
            )?;
            return library.location(given).map(BaseChoice::Alone);
        }
        let (data, bounds) = library.of_a_node(given)?;
        if self.rpc.is_unspecified() && self.advertise.is_none() {
            return Err(Fault::Usage(format!(
                "--rpc {} listens everywhere, so other nodes have to be told one address: --advertise HOST:PORT",
                self.rpc
            )));
        }
        Ok(BaseChoice::Node {
            data,
            bounds,
            flags: self,
            open,
        })
    }
}

impl BaseChoice {
    /// The base of the stack that is served at this listener. A node tells the others where it
    /// speaks HTTP.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`] if the host of an address is not known.
    pub(in crate::server) async fn served_base(
        self,
        listener: &HttpListener,
    ) -> Result<ServedBase, Fault> {
        let (data, bounds, flags, open) = match self {
            BaseChoice::Alone(location) => return Ok(ServedBase::alone(location, listener)),
            BaseChoice::Node {
                data,
                bounds,
                flags,
                open,
            } => (data, bounds, flags, open),
        };
        open.check(&[("--rpc", &flags.rpc)]).await?;
        let reachable = flags.advertise.as_ref().unwrap_or(&flags.rpc);
        let url = listener.url(reachable.host());
        let listen = resolve(&flags.rpc, "--rpc").await?;
        let advertise = match &flags.advertise {
            Some(advertise) => Some(resolve(advertise, "--advertise").await?),
            None => None,
        };
        let neighbours = match flags.mdns {
            true => Some(Neighbours::listen(advertise.unwrap_or(listen).ip())?),
            false => None,
        };
        let introduced = Introduced {
            named: flags.join.iter().map(Address::to_string).collect(),
            file: flags.join_file,
            neighbours: neighbours.clone(),
        };
        introduced.check().await?;
        let beginning = match (flags.bootstrap, introduced.is_possible()) {
            (true, _) => Beginning::Bootstrap,
            (false, true) => Beginning::Join(Arc::new(introduced)),
            (false, false) => Beginning::Remember,
        };
        let config = NodeConfig {
            listen,
            advertise,
            beginning,
            open: open.is_given(),
            replication: usize::from(flags.replication),
            repair_after: flags.repair_after,
            repair_bytes_per_second: flags.repair_rate,
            capacity: flags
                .capacity
                .or_else(|| capacity::of_disk(&data, &bounds.audio)),
            http: Some(url.clone()),
            ..NodeConfig::new(data)
        };
        Ok(ServedBase {
            base: Base::Node(NodePlan {
                config,
                bounds,
                neighbours,
            }),
            library_use: LibraryUse::Shared,
            url,
            is_advertised: true,
        })
    }
}
