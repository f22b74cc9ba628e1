//! Whom a node asks that joins: nodes that are named by a flag, in a file, or by themselves in the local network.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kadenza_distributed::Introductions;
use kadenza_stack::Address;

use crate::{fault::Fault, server::neighbours::Neighbours};

/// A longer file is none of addresses.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The flags that say whom to ask.
#[derive(Debug)]
pub(super) struct Introduced {
    pub(super) named: Vec<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) neighbours: Option<Neighbours>,
}

impl Introduced {
    /// Whether anybody can be asked, now or later.
    pub(super) fn is_possible(&self) -> bool {
        !self.named.is_empty() || self.file.is_some() || self.neighbours.is_some()
    }

    /// Makes sure that the file can be read.
    ///
    /// # Errors
    ///
    /// [`Fault`] with its line that is no address.
    pub(super) async fn check(&self) -> Result<(), Fault> {
        match &self.file {
            Some(file) => in_file(file).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Introductions for Introduced {
    async fn addresses(&self) -> Vec<String> {
        let mut addresses = self.named.clone();
        if let Some(file) = &self.file {
            match in_file(file).await {
                Ok(named) => addresses.extend(named.iter().map(Address::to_string)),
                Err(fault) => tracing::warn!(%fault, "nobody is asked whom --join-file names"),
            }
        }
        if let Some(neighbours) = &self.neighbours {
            addresses.extend(neighbours.addresses().iter().map(ToString::to_string));
        }
        addresses
    }
}

/// The addresses in a file.
async fn in_file(file: &Path) -> Result<Vec<Address>, Fault> {
    let unread = |cause| Fault::file("read", file, cause);
    let size = tokio::fs::metadata(file).await.map_err(unread)?.len();
    if size > FILE_BYTES_MAX {
        return Err(Fault::Usage(format!(
            "{} is not a file of addresses: it has {size} bytes, and {FILE_BYTES_MAX} are taken at most",
            file.display()
        )));
    }
    let text = tokio::fs::read_to_string(file).await.map_err(unread)?;
    let lines = text.lines().enumerate().filter_map(|(number, line)| {
        let address = line.split('#').next().unwrap_or_default().trim();
        (!address.is_empty()).then_some((number + 1, address))
    });
    lines
        .map(|(number, address)| {
            address.parse().map_err(|what: String| {
                Fault::Usage(format!("{} line {number}: {what}", file.display()))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn introduced(file: &Path) -> Introduced {
        Introduced {
            named: vec!["one.example:1".to_owned()],
            file: Some(file.to_owned()),
            neighbours: None,
        }
    }

    #[tokio::test]
    async fn the_file_is_read_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nodes");
        fs::write(&file, "# ours\n\ntwo.example:2 # the cellar\n  [::1]:3\r\n").unwrap();
        let introduced = introduced(&file);
        introduced.check().await.unwrap();
        let all = ["one.example:1", "two.example:2", "[::1]:3"];
        assert_eq!(introduced.addresses().await, all);
        fs::write(&file, "four.example:4").unwrap();
        let all = ["one.example:1", "four.example:4"];
        assert_eq!(introduced.addresses().await, all);
        // Those that are named by a flag are asked all the same.
        fs::remove_file(&file).unwrap();
        assert_eq!(introduced.addresses().await, ["one.example:1"]);
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_file_is_told_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nodes");
        let said = async |file: &Path| introduced(file).check().await.unwrap_err().to_string();
        assert!(said(&file).await.contains("nodes"));
        fs::write(&file, "one.example:1\none.example\n").unwrap();
        let line = said(&file).await;
        assert!(line.contains("line 2: expected HOST:PORT"), "{line}");
        fs::write(&file, [b'#'; 70_000]).unwrap();
        assert!(said(&file).await.contains("65536 are taken at most"));
    }
}
