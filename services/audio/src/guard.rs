//! Work on what strangers made, in libraries that may panic on it.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Does the work. `None` if it panics; nothing is then told, since the file is at fault and not this program.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                others(panic);
            }
        }));
    });
    let before = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_panics_over_files_are_not_told() {
        assert!(!IS_GUARDED.get());
        let inner = || guarded(|| panic!("of a file")).unwrap_or_else(|| IS_GUARDED.get());
        assert_eq!(guarded(inner), Some(true));
        assert_eq!(guarded(|| panic!("of a file")), None::<()>);
        assert!(!IS_GUARDED.get());
    }
}
