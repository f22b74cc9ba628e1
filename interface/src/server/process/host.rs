//! The names of this machine.

/// The names by which machines of the local network call this one: its own name, whole and up to the first dot, and
/// the latter as mDNS has it. No page of the Internet has such a name; who can forge them in the local network can
/// reach the server there anyway.
pub(in crate::server) fn names() -> Vec<String> {
    own_name().map_or_else(Vec::new, |name| names_of(&name))
}

fn names_of(name: &str) -> Vec<String> {
    let short = name.split('.').next().unwrap_or_default();
    vec![name.to_owned(), short.to_owned(), format!("{short}.local")]
}

#[cfg(unix)]
fn own_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty()).then_some(name)
}

/// Elsewhere it is in a variable, if anywhere.
#[cfg(not(unix))]
fn own_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_its_name_whole_short_and_local() {
        assert_eq!(names_of("attic"), ["attic", "attic", "attic.local"]);
        assert_eq!(
            names_of("attic.home.example"),
            ["attic.home.example", "attic", "attic.local"]
        );
    }
}
