//! What an onlooker holds against the tables, from what it saw of the messages alone.

use kadenza_protocol::{Contact, K, Key};

use super::World;

impl World {
    /// An honest node hands out only nodes that it has reason to believe alive.
    pub(super) fn check_reply(
        &mut self,
        index: usize,
        asker: &Contact,
        target: &Key,
        nodes: &[Contact],
    ) {
        let node = &self.nodes[index];
        let mut wrong = None;
        for contact in nodes {
            if contact.id == asker.id || contact.id == node.contact.id {
                wrong = Some(format!("{index} names the asker or itself"));
            }
            match node.heard.get(contact) {
                None => wrong = Some(format!("{index} names {contact:?} on hearsay")),
                Some(failures) => {
                    let failed = failures.iter().any(|(_, failed)| *failed);
                    let apart = match (failures.first(), failures.last()) {
                        (Some((first, _)), Some((last, _))) => last - first >= 100,
                        _ => false,
                    };
                    if failed || apart {
                        wrong = Some(format!("{index} names {contact:?}, which it must doubt"));
                    }
                }
            }
        }
        let known = node.table.inner.len();
        let asker_known = usize::from(node.table.inner.contains(&asker.id));
        if nodes.len() != K.min(known - asker_known) {
            wrong = Some(format!("{index} names {} of {known}", nodes.len()));
        }
        if !nodes.is_sorted_by_key(|contact| contact.id.distance(target)) {
            wrong = Some(format!("{index} names nodes in no order"));
        }
        if let Some(wrong) = wrong {
            self.violated(wrong);
        }
    }

    /// An entry fares worse only by what happened to itself, at its own address; only a suspect
    /// gives way to its new address.
    pub(super) fn check_kept(&mut self, index: usize, touched: Contact) {
        let node = &mut self.nodes[index];
        let table = &node.table.inner;
        let stamp = (table.generation(), table.entries().count());
        if !self.watchful || stamp == node.stamp {
            return;
        }
        let entries = table
            .entries()
            .map(|entry| (entry.contact(), entry.is_good()))
            .collect();
        node.stamp = stamp;
        let before = std::mem::replace(&mut node.entries, entries);
        let worse = before.into_iter().find(|(contact, was_good)| {
            let entry = table
                .get(&contact.id)
                .filter(|entry| entry.contact() == *contact);
            let kept = entry.is_some_and(|entry| entry.is_good() || !was_good);
            let moved = !was_good && contact.id == touched.id;
            !kept && !moved && *contact != touched
        });
        if let Some((contact, _)) = worse {
            self.violated(format!(
                "{index} blames {contact:?} for what happened to {touched:?}"
            ));
        }
    }
}
