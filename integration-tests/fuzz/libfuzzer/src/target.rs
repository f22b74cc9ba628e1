//! One target under libFuzzer: the one that this program is named after.

#![no_main]

use std::cell::RefCell;

use kadenza_fuzz::{Hears, named};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static HEARS: RefCell<Hears> = RefCell::new(opened());
}

fn opened() -> Hears {
    let target = named(env!("CARGO_BIN_NAME")).expect("a program is named after each target");
    (target.open)()
}

fuzz_target!(|bytes: &[u8]| {
    HEARS.with_borrow_mut(|hears| drop(hears(bytes)));
});
