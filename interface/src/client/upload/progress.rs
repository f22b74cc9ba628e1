//! The progress of an upload, on stderr, and only if that is a terminal.

use std::path::Path;

use indicatif::{MultiProgress, ProgressBar};
use kadenza_terminal::bar_style;

use super::paths::shown;

/// The bars of an upload: one for all files, one for each that is under way.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bars: MultiProgress,
    files: ProgressBar,
}

/// The bar of one file; it disappears with this value.
#[derive(Debug)]
pub(super) struct FileBar {
    bars: MultiProgress,
    bar: ProgressBar,
}

impl Progress {
    /// Shows the bars, if anybody can see them.
    pub(super) fn start() -> Progress {
        let bars = MultiProgress::new();
        let files = bars.add(ProgressBar::new(0));
        files.set_style(bar_style(
            "{bar:24} {pos} of {len} files{msg}, {elapsed} gone",
        ));
        files.set_message(" so far");
        Progress { bars, files }
    }

    /// Counts one more file that is to be sent.
    pub(super) fn one_found(&self) {
        self.files.inc_length(1);
    }

    /// Shows that the number of files is final.
    pub(super) fn all_found(&self) {
        self.files.set_message("");
    }

    /// Counts one file that is done.
    pub(super) fn one_done(&self) {
        self.files.inc(1);
    }

    /// A bar for a file of this many bytes; `None` where its end is not known.
    pub(super) fn file(&self, path: &Path, bytes: Option<u64>) -> FileBar {
        let bar = match bytes {
            Some(bytes) => ProgressBar::new(bytes),
            None => ProgressBar::no_length(),
        };
        let bar = self.bars.insert_before(&self.files, bar);
        bar.set_style(bar_style("{bar:24} {bytes:>10} {wide_msg}"));
        let name = path.file_name().map_or(path, Path::new);
        bar.set_message(shown(name));
        FileBar {
            bars: self.bars.clone(),
            bar,
        }
    }

    /// Prints something without the bars in between.
    pub(super) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bars.suspend(print)
    }

    /// Takes the bars away.
    pub(super) fn end(&self) {
        self.files.finish_and_clear();
    }
}

impl FileBar {
    /// Moves the bar on by so many bytes.
    pub(super) fn sent(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }
}

impl Drop for FileBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.bars.remove(&self.bar);
    }
}
