//! Writes the events of the layers below to the log.

use std::{collections::BTreeMap, fmt, time::Instant};

use parking_lot::Mutex;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::{LOG, TARGET, chain::Chain, flood::Flood};

/// No field is longer, in bytes: a stranger chooses what some of them say.
const FIELD_BYTES_MAX: usize = 512;

/// Takes the events under the target of the log. A write takes some microseconds and waits for no disk.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Flood>);

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let Some(log) = LOG.get() else {
            return;
        };
        let mut told = Told::default();
        event.record(&mut told);
        let (passed, admitted) = {
            let (mut flood, now) = (self.0.lock(), Instant::now());
            (flood.passed(now), flood.admits(&told.event, now))
        };
        for (event, beyond) in passed {
            let fields = [("not-written".to_owned(), beyond.to_string())];
            append(log, event, fields.into());
        }
        if admitted {
            append(log, &told.event, told.fields);
        }
    }
}

fn append(log: &Chain, event: &str, fields: BTreeMap<String, String>) {
    if let Err(error) = log.append(event, fields) {
        tracing::error!(%error, event, "the audit log cannot be written");
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Told {
    event: String,
    fields: BTreeMap<String, String>,
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        let value = plain(value);
        match field.name() {
            "message" => self.event = value,
            name => drop(self.fields.insert(name.to_owned(), value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// The text, short, and with what moves a cursor or turns the direction of text written out.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for char in text.chars() {
        if plain.len() >= FIELD_BYTES_MAX {
            plain.push('…');
            break;
        }
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match char.is_control() || turns {
            true => plain.extend(char.escape_unicode()),
            false => plain.push(char),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_says_stays_on_its_line() {
        assert_eq!(
            plain("ada\nsigned-in\u{1b}[2K\u{202e}x"),
            "ada\\u{a}signed-in\\u{1b}[2K\\u{202e}x"
        );
        assert_eq!(plain("Ünïcode 歌"), "Ünïcode 歌");
        assert!(plain(&"x".repeat(10_000)).len() < 600);
    }
}
