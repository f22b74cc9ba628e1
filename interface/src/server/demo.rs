//! `kadenza demo`: a small network on this machine, with the player over it.
//!
//! The nodes live in this process, but share nothing in it: each has its own directory and ports,
//! and they speak to each other and to the player over TCP, as they would on machines of their own.

use std::path::{Path, PathBuf};

use clap::Args;
use kadenza_distributed::{
    Beginning, NodeConfig,
    trust::{Trust, cluster_key},
};
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{Address, HttpListener};
use kadenza_terminal::plain;
use kadenza_tls::Roots;
use kadenza_views::Site;
use tokio_util::sync::CancellationToken;

use super::{
    compose::{Running, compose},
    flags::{Open, SiteFlags, TlsFlags},
    listen,
    plan::{Base, NodePlan, Plan},
    process::limits,
    reader,
};
use crate::{fault::Fault, output};

/// The address that commands ask unless they are told another.
const USUAL: &str = "127.0.0.1:4533";
/// A port that is free.
const FREE: &str = "127.0.0.1:0";

/// Try Kadenza out: three nodes on this machine, and the web player over them
///
/// The demo prints the directory in which it keeps the songs. They are there again the next time. Its first
/// node is at HTTP port 4533 if that is free, so that commands find it without --server.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many nodes to start
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,

    /// The directory for the data of all nodes [default: kadenza/demo in $XDG_DATA_HOME or
    /// ~/.local/share]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

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

impl Demo {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        limits::raise_open_files();
        self.open.check(&[("--http", &self.http)]).await?;
        // First: a port that is taken ends the demo before it has made anything.
        let listener = listen::http(&self.http, &self.tls, &self.site).await?;
        let site = self.site.site([&self.http]);
        let dir = match self.dir {
            Some(dir) => dir,
            None => usual_dir(),
        };
        std::fs::create_dir_all(&dir).map_err(|cause| Fault::file("make", &dir, cause))?;
        let dir = std::fs::canonicalize(&dir).map_err(|cause| Fault::file("find", &dir, cause))?;

        let mut nodes = Vec::new();
        let started = start_nodes(&dir, self.nodes, self.open, &mut nodes).await;
        let result = match started {
            Ok(()) => show(listener, site, &dir, &nodes, &end).await,
            Err(fault) => Err(fault),
        };
        end.cancel();
        let ends = futures_util::future::join_all(nodes.into_iter().map(|node| node.until(&end)));
        let ended: Result<Vec<()>, Fault> = ends.await.into_iter().collect();
        result.and(ended.map(|_| ()))
    }
}

async fn start_nodes(
    dir: &Path,
    count: u8,
    open: Open,
    nodes: &mut Vec<Running>,
) -> Result<(), Fault> {
    let trust = match open.is_given() {
        true => Trust::Open,
        false => Trust::ClusterKey(cluster_key(&dir.join("cluster.key"))?),
    };
    for number in 1..=count {
        let listener = listener_of(number).await?;
        let url = listener.url("127.0.0.1");
        let join = nodes.iter().filter_map(Running::rpc);
        let config = NodeConfig {
            beginning: Beginning::through(join.map(|rpc| rpc.to_string())),
            trust: trust.clone(),
            http: Some(url.clone()),
            ..NodeConfig::new(dir.join(format!("node-{number}")))
        };
        let plan = Plan {
            base: Base::Node(NodePlan {
                config,
                bounds: LibraryConfig {
                    reader: reader::program(),
                    ..LibraryConfig::default()
                },
                neighbours: None,
            }),
            cache: None,
            page: false,
            sign_in: false,
            site: Site::default(),
            url: Some(url),
        };
        nodes.push(compose(plan, listener).await?);
    }
    Ok(())
}

/// The listener of a node: the first one takes the port that commands ask by themselves, where it is free.
async fn listener_of(number: u8) -> Result<HttpListener, Fault> {
    // On loopback, where nothing need be encrypted.
    let plain = TlsFlags::default();
    let direct = SiteFlags::default();
    let at = async |address: &str| {
        listen::http(&address.parse().map_err(Fault::Failed)?, &plain, &direct).await
    };
    if number == 1
        && let Ok(usual) = at(USUAL).await
    {
        return Ok(usual);
    }
    at(FREE).await
}

/// Opens the player over the nodes, says where everything is, and stays until the end.
async fn show(
    listener: HttpListener,
    site: Site,
    dir: &Path,
    nodes: &[Running],
    end: &CancellationToken,
) -> Result<(), Fault> {
    let servers = nodes.iter().map(|node| format!("http://{}", node.http()));
    let plan = Plan {
        base: Base::Servers {
            urls: servers.collect(),
            roots: Roots::default(),
        },
        cache: None,
        page: true,
        sign_in: false,
        site,
        url: None,
    };
    let player = compose(plan, listener).await?;
    player.say_ready();
    for line in introduction(dir, nodes, &player) {
        // The demo goes on also when nobody reads this.
        if output::print(&plain(&line)).is_err() {
            break;
        }
    }
    player.until(end).await
}

fn introduction(dir: &Path, nodes: &[Running], player: &Running) -> Vec<String> {
    let mut lines = vec![
        format!("player  http://{}/   (open it in a browser)", player.http()),
        format!("data    {}", dir.display()),
    ];
    for (at, node) in nodes.iter().enumerate() {
        let rpc = node.rpc().map_or_else(String::new, |rpc| rpc.to_string());
        lines.push(format!("node {}  http://{} rpc {rpc}", at + 1, node.http()));
    }
    lines.push(format!(
        "upload  kadenza upload --server http://{} FOLDER",
        player.http()
    ));
    lines.push("end     Ctrl-C; the songs are kept for the next time".to_owned());
    lines
}

/// The directory in which a user's programs keep data (XDG Base Directory Specification 0.8).
fn usual_dir() -> PathBuf {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(std::env::temp_dir)
        .join("kadenza/demo")
}
