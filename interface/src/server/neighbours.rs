//! The nodes in the local network, by multicast DNS (RFC 6762) and its service discovery (RFC 6763).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use kadenza_distributed::Key;
use mdns_sd::{DaemonEvent, IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use parking_lot::Mutex;

use crate::fault::Fault;

/// The service as which a node announces the address where it listens for others.
const SERVICE: &str = "_kadenza._tcp.local.";
/// How many nodes are remembered at most.
const NODES_MAX: usize = 256;
/// How many digits of its id a node is named by. Two nodes of one name would be given new ones by the protocol.
const ID_DIGITS: usize = 16;

/// The nodes that are announced in the local network.
#[derive(Debug, Clone)]
pub(in crate::server) struct Neighbours(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    daemon: Daemon,
    /// Their addresses, by the names of their announcements.
    nodes: Mutex<BTreeMap<String, Vec<SocketAddr>>>,
}

struct Daemon(ServiceDaemon);

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Daemon")
    }
}

impl Neighbours {
    /// Begins to listen for announcements. A node that is reached on loopback alone speaks there alone.
    ///
    /// # Errors
    ///
    /// [`Fault::Failed`] if this machine cannot do that.
    pub(in crate::server) fn listen(reached_at: IpAddr) -> Result<Neighbours, Fault> {
        let failed =
            |error| Fault::Failed(format!("--mdns: no announcements can be heard: {error}"));
        let daemon = ServiceDaemon::new().map_err(failed)?;
        if reached_at.is_loopback() {
            daemon.disable_interface(IfKind::All).map_err(failed)?;
            let kinds = vec![IfKind::LoopbackV4, IfKind::LoopbackV6];
            daemon.enable_interface(kinds).map_err(failed)?;
        }
        let troubles = daemon.monitor().map_err(failed)?;
        let events = daemon.browse(SERVICE).map_err(failed)?;
        let neighbours = Neighbours(Arc::new(Inner {
            daemon: Daemon(daemon),
            nodes: Mutex::default(),
        }));
        // Both end with the daemon.
        tokio::spawn(async move {
            while let Ok(event) = troubles.recv_async().await {
                if let DaemonEvent::Error(error) = event {
                    tracing::warn!(%error, "nodes in the local network may not find each other");
                }
            }
        });
        let heard = Arc::downgrade(&neighbours.0);
        tokio::spawn(async move {
            while let Ok(event) = events.recv_async().await {
                let Some(inner) = heard.upgrade() else {
                    return;
                };
                inner.hear(event);
            }
        });
        Ok(neighbours)
    }

    /// The addresses of the nodes that are announced now.
    pub(in crate::server) fn addresses(&self) -> Vec<SocketAddr> {
        self.0.nodes.lock().values().flatten().copied().collect()
    }

    /// Announces this node, until it is withdrawn.
    pub(in crate::server) fn announce(&self, id: Key, reached_at: SocketAddr) {
        let name = named(id);
        let info = ServiceInfo::new(
            SERVICE,
            &name,
            &format!("kadenza-{name}.local."),
            reached_at.ip(),
            reached_at.port(),
            None,
        );
        if let Err(error) = info.and_then(|info| self.0.daemon.0.register(info)) {
            tracing::warn!(%error, "this node is not announced in the local network");
        }
    }

    /// Says in the local network that the node is there no more, and listens no longer.
    pub(in crate::server) async fn withdraw(&self, id: Key) {
        let daemon = &self.0.daemon.0;
        if let Ok(done) = daemon.unregister(&format!("{}.{SERVICE}", named(id))) {
            let _ = done.recv_async().await;
        }
        if let Ok(done) = daemon.shutdown() {
            let _ = done.recv_async().await;
        }
    }
}

fn named(id: Key) -> String {
    id.to_string()[..ID_DIGITS].to_owned()
}

impl Inner {
    fn hear(&self, event: ServiceEvent) {
        let mut nodes = self.nodes.lock();
        match event {
            ServiceEvent::ServiceResolved(node) => {
                let addresses = addresses_of(&node);
                let is_known = nodes.contains_key(&node.fullname);
                if is_known || nodes.len() < NODES_MAX {
                    nodes.insert(node.fullname, addresses);
                }
            }
            ServiceEvent::ServiceRemoved(_, name) => drop(nodes.remove(&name)),
            _ => {}
        }
    }
}

/// Where a node is reached. An address that means something on one link alone does not say on which.
fn addresses_of(node: &ResolvedService) -> Vec<SocketAddr> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
    };
    let announced = node.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr);
    announced
        .filter(usable)
        .map(|ip| SocketAddr::new(ip, node.port))
        .collect()
}
