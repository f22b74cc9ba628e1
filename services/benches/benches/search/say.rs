//! One line of a table.

#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(crate) fn say(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<52} {figure}");
}
