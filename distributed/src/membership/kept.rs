//! What a node keeps of its network in a file.

use std::{collections::BTreeMap, io};

use kadenza_protocol::{Contact, Key, layout::Layout};
use serde::{Deserialize, Serialize};

use crate::outside::store::Store;

/// The file beside the songs.
pub(super) const FILE: &str = "members.json";

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) layout: Layout,
    /// The base URLs under which members speak HTTP.
    pub(super) http: BTreeMap<Key, String>,
}

/// A member as programs of before there was a layout kept it.
#[derive(Debug, Deserialize)]
struct Earlier {
    contact: Contact,
    http: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum File {
    Kept(Kept),
    /// A list, and whether the directory belongs to a network.
    Members {
        belongs: bool,
        members: Vec<Earlier>,
    },
    /// The list alone; whoever had one was a network, be it of itself.
    List(Vec<Earlier>),
}

impl Kept {
    /// A node that belongs to no network.
    pub(super) fn nothing(own: Contact, replication: usize) -> Kept {
        Kept {
            layout: Layout::joining(own, replication),
            http: BTreeMap::new(),
        }
    }

    /// What a store remembers.
    ///
    /// # Errors
    ///
    /// If it cannot be read. Taken for nothing, it would make the node a network of its own.
    pub(super) async fn read(
        store: &dyn Store,
        own: Contact,
        replication: usize,
    ) -> io::Result<Kept> {
        let Some(bytes) = store.remembered(FILE).await? else {
            return Ok(Kept::nothing(own, replication));
        };
        let file = serde_json::from_slice(&bytes).map_err(|wrong| {
            let told =
                format!("{FILE} is damaged ({wrong}): join the network through another node");
            io::Error::new(io::ErrorKind::InvalidData, told)
        })?;
        Ok(match file {
            File::Kept(kept) => kept,
            File::Members { belongs, members } => Kept::of(own, replication, belongs, members),
            File::List(members) => Kept::of(own, replication, true, members),
        })
    }

    fn of(own: Contact, replication: usize, belongs: bool, members: Vec<Earlier>) -> Kept {
        if !belongs {
            return Kept::nothing(own, replication);
        }
        let contacts: Vec<Contact> = members.iter().map(|member| member.contact).collect();
        let http = members.into_iter();
        let http = http.filter_map(|member| Some((member.contact.id, member.http?)));
        Kept {
            layout: Layout::without_shares(own, &contacts, replication),
            http: http.collect(),
        }
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}
