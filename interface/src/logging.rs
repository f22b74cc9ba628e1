//! Logs and panics: to stderr, a line each.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    EnvFilter, Layer as _, fmt::time::SystemTime, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

#[cfg(feature = "server")]
use crate::audit::Recorder;
use crate::fault::{Fault, complain};
/// A build without servers has nothing to record.
#[cfg(not(feature = "server"))]
use tracing_subscriber::layer::Identity as Recorder;

/// Starts logging to stderr.
///
/// # Errors
///
/// [`Fault::Usage`] if the filter is not one.
pub(crate) fn start(filter: Option<&str>, is_server: bool) -> Result<(), Fault> {
    // A server logs its own news, and only the warnings of its libraries. A client command tells
    // its result in one line; attempts that failed on the way there are not logged.
    let usual = if is_server {
        "warn,kadenza=info"
    } else {
        "error"
    };
    let filter = filter.unwrap_or(usual);
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Fault::Usage(format!(
            "`{filter}` is not a log level (error, warn, info, debug, trace) or filter: {error}"
        ))
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(SystemTime)
        .with_ansi(takes_colours())
        .with_writer(io::stderr)
        .with_filter(filter);
    tracing_subscriber::registry()
        .with(lines)
        .with(Recorder::default())
        .init();
    Ok(())
}

/// Whether what is written to stderr may be coloured: only on a terminal, and not under `NO_COLOR`.
pub(crate) fn takes_colours() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !no_color
}

/// A panic is a mistake in this program. It is told in one line, without a trace of the stack.
pub(crate) fn panics_in_one_line() {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("a panic without words");
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
        complain(&format!("a mistake in this program: {what}{place}"));
    }));
}
