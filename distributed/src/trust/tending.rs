//! What a running node does by itself: tells others who is shut out and ends connections with those, renews its record,
//! remembers whom it met.

use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc, time::Duration};

use kadenza_rpc::{PeerId, Rpc};
use kadenza_trust::RECORD_LASTS;
use tokio::time::{Instant, timeout};

use super::{
    application::{Answer, Application, ask},
    directory::{Directory, TrustError, now},
    guard::{Guard, Known},
};
use crate::{Key, Request, cluster::Cluster};

/// How often the node looks for what a command left in its directory.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it tries again what did not succeed.
const TRY_EVERY: Duration = Duration::from_secs(30);

/// Keeps the node's standing in its cluster, for ever.
pub(crate) async fn tend(guard: Arc<Guard>, rpc: Rpc<Request>, cluster: Arc<Cluster>) {
    let tending = Tending {
        guard,
        rpc,
        cluster,
    };
    let mut trying = None;
    loop {
        if let Err(error) = tending.look().await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot keep what is known of the cluster");
        }
        if trying.is_none_or(|since: Instant| since.elapsed() >= TRY_EVERY) {
            trying = Some(Instant::now());
            tending.guard.try_again();
            for expired in tending.guard.take_expired() {
                tending.rpc.cut(&expired);
            }
            tending.renew().await;
        }
        let _nothing_new = timeout(LOOK_EVERY, tending.guard.news.notified()).await;
    }
}

struct Tending {
    guard: Arc<Guard>,
    rpc: Rpc<Request>,
    cluster: Arc<Cluster>,
}

impl Tending {
    async fn look(&self) -> Result<(), TrustError> {
        let guard = Arc::clone(&self.guard);
        let kept = tokio::task::spawn_blocking(move || {
            let new = guard.directory().new_revocations()?;
            if !new.is_empty() {
                let (files, signed): (Vec<_>, Vec<_>) = new.into_iter().unzip();
                guard.learn(signed)?;
                files.iter().try_for_each(|file| Directory::remove(file))?;
            }
            match guard.seen_if_changed() {
                Some(seen) => guard.directory().keep_seen(&seen),
                None => Ok(()),
            }
        });
        let kept = kept.await.unwrap_or(Ok(()));
        for id in self.guard.take_shut_out() {
            tracing::warn!(node = %id, "shut out of the cluster");
            self.rpc.cut(&id);
            self.give_up(id);
        }
        self.tell(self.guard.take_differing()).await;
        kept
    }

    /// Counts on the member no longer, so that its copies are made anew at once.
    fn give_up(&self, id: PeerId) {
        let cluster = Arc::clone(&self.cluster);
        self.cluster.begin(async move {
            let key = Key::from_bytes(*id.as_bytes());
            if let Err(error) = cluster.forget(&key).await {
                // It was no member, or another node was faster.
                tracing::debug!(%error, node = %id, "did not give up a node that is shut out");
            }
        });
    }

    /// Tells members which nodes are shut out, and hears of those that they know.
    async fn tell(&self, differing: BTreeSet<PeerId>) {
        let members = self.guard.members();
        let told = members.iter().filter(|one| differing.contains(&one.id));
        let told = told.map(async |member| {
            let asked = self.ask(member, || Application::Compare {
                chain: self.guard.own().0,
                revocations: self.guard.revocations(),
            });
            match asked.await {
                Ok(Answer::Revocations { revocations }) => {
                    let guard = Arc::clone(&self.guard);
                    let learnt = tokio::task::spawn_blocking(move || guard.learn(revocations));
                    if let Ok(Err(error)) = learnt.await {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(error, "cannot keep revocations");
                    }
                }
                Ok(Answer::Refused { why }) => {
                    tracing::warn!(node = %member.id, why, "is not told of revocations");
                }
                Ok(Answer::Admitted { .. }) => {}
                Err(error) => {
                    tracing::debug!(%error, node = %member.id, "not told of revocations");
                    self.guard.not_reached(member.id);
                }
            }
        });
        futures_util::future::join_all(told).await;
    }

    /// Renews the record of this node if half of its time is over, or the node which signed it is shut out.
    async fn renew(&self) {
        let (chain, own) = self.guard.own();
        let rest = own.until.saturating_sub(now());
        if !own.is_spared && rest > RECORD_LASTS.as_secs() / 2 {
            return;
        }
        let address = self.rpc.peer().address.to_string();
        let members = self.guard.members();
        let mut inviters: Vec<&Known> = members.iter().filter(|one| one.may_invite).collect();
        // Who is on its way makes that no longer.
        inviters.sort_by_key(|one| own.way.iter().all(|step| step.inviter != one.id));
        for inviter in inviters {
            let asked = self.ask(inviter, || Application::Renew {
                chain: chain.clone(),
                subject: self.guard.subject(&address),
            });
            let renewed = match asked.await {
                Ok(Answer::Admitted { chain, .. }) => self.guard.renew(chain),
                Ok(Answer::Refused { why }) => Err(TrustError::Refused { why }),
                Ok(Answer::Revocations { .. }) => continue,
                Err(cause) => Err(TrustError::Unreachable {
                    address: inviter.address.clone(),
                    cause,
                }),
            };
            match renewed {
                Ok(()) => return tracing::info!("renewed the record of this node"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, node = %inviter.id, "did not renew the record");
                }
            }
        }
        let days = rest / (24 * 60 * 60);
        tracing::warn!(
            "the record of this node is valid for {days} more days, and no node that may renew it is within reach"
        );
    }

    async fn ask(
        &self,
        member: &Known,
        application: impl Fn() -> Application,
    ) -> io::Result<Answer> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in self.addresses(member).await {
            let asked = ask(self.guard.key(), address, member.id, |_| application()).await;
            match asked {
                Ok(answer) => return Ok(answer),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Where a member may listen: where the network knows it, and where it did when its record was made.
    async fn addresses(&self, member: &Known) -> Vec<SocketAddr> {
        let key = Key::from_bytes(*member.id.as_bytes());
        let known = self.cluster.members().view().layout().contact(&key);
        let recorded = tokio::net::lookup_host(&member.address).await;
        let recorded = recorded.map_or_else(|_| Vec::new(), Iterator::collect);
        let mut addresses: Vec<SocketAddr> = known.map(|known| known.address).into_iter().collect();
        addresses.extend(recorded);
        addresses.dedup();
        addresses
    }
}
