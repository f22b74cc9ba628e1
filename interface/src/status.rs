//! `kadenza status`: how the library and its machines are.

use clap::Args;
use kadenza_services::{Health, MusicService, NodeStatus, Status as State};

use crate::{client::Servers, fault::Fault, output};

/// Show songs, copies and nodes
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Status {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let state = self.servers.client()?.status().await?;
        if self.json {
            return output::print_json(&state);
        }
        for line in lines(&state) {
            output::print(&output::plain(&line))?;
        }
        Ok(())
    }
}

fn lines(state: &State) -> Vec<String> {
    let mut lines = vec![
        format!("songs   {}", state.songs),
        format!("stored  {}", output::size(state.bytes)),
    ];
    if let Some(copies) = &state.replication {
        lines.push(format!(
            "copies  {} of each song: {} complete, {} under way",
            copies.factor, copies.complete, copies.incomplete
        ));
    }
    if state.nodes.is_empty() {
        lines.push("nodes   none: one library alone".to_owned());
        return lines;
    }
    let up = state.nodes.iter().filter(|node| node.health == Health::Up);
    lines.push(format!(
        "nodes   {} of {} up",
        up.count(),
        state.nodes.len()
    ));
    lines.push(String::new());
    lines.extend(table(&state.nodes));
    lines
}

/// The nodes as a table; each column is as wide as its widest cell.
fn table(nodes: &[NodeStatus]) -> Vec<String> {
    let head = ["node", "health", "songs", "cards", "stored", "rpc", "http"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(nodes.iter().map(row)).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(column, (cell, width))| match column {
                    2..=4 => format!("{cell:>width$}"),
                    _ => format!("{cell:<width$}"),
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

fn row(node: &NodeStatus) -> [String; 7] {
    let health = match node.health {
        Health::Up => "up",
        Health::Joining => "joining",
        Health::Down => "down",
    };
    [
        node.id.chars().take(12).collect(),
        health.to_owned(),
        node.songs.to_string(),
        node.cards.to_string(),
        output::size(node.bytes),
        node.rpc.clone(),
        node.http.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use kadenza_services::Replication;

    use super::*;

    #[test]
    fn the_table_lines_up_and_counts_who_is_up() {
        let node = |id: &str, health| NodeStatus {
            id: id.repeat(64),
            rpc: "127.0.0.1:4534".into(),
            http: None,
            health,
            songs: 12,
            cards: 3456,
            bytes: 9_000_000,
        };
        let state = State {
            songs: 12,
            bytes: 1,
            nodes: vec![node("a", Health::Up), node("b", Health::Joining)],
            replication: Some(Replication {
                factor: 3,
                complete: 12,
                incomplete: 0,
            }),
            cache: Vec::new(),
        };
        let lines = lines(&state);
        assert!(lines.contains(&"nodes   1 of 2 up".to_owned()), "{lines:?}");
        let rows = &lines[lines.len() - 3..];
        let at = |row: &str| row.find("127.0.0.1").or_else(|| row.find("rpc"));
        assert!(rows.iter().all(|row| at(row) == at(&rows[0])), "{rows:?}");
    }
}
