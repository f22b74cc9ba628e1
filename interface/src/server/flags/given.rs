//! Which flags were given for this run: on the command line or by a variable.
//!
//! A flag that has no effect beside other flags is refused, since its user expects an effect. In a
//! file it is accepted: many commands and runs share a file.

use std::collections::BTreeSet;

use clap::{ArgMatches, Args, FromArgMatches, parser::ValueSource};

use crate::fault::Fault;

/// The flags that were given.
///
/// A command has this as its first field: parsing the other fields removes their values.
#[derive(Debug)]
pub(in crate::server) struct Given(BTreeSet<String>);

impl Given {
    /// Refuses these flags, because each of them `is_wrong` here.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] with the first one that was given.
    pub(in crate::server) fn none_of(&self, flags: &[&str], is_wrong: &str) -> Result<(), Fault> {
        let given = |flag: &&&str| self.0.contains(&flag.replace('-', "_"));
        match flags.iter().find(given) {
            Some(flag) => Err(Fault::Usage(format!("--{flag} {is_wrong}"))),
            None => Ok(()),
        }
    }
}

impl Given {
    /// Of a value and the one that `--FLAG-file` read: what was given for this run, else what a file of settings
    /// reads from a file.
    pub(super) fn of_two<T>(&self, flag: &str, value: T, from_file: Option<T>) -> T {
        match from_file {
            Some(from_file) if !self.0.contains(flag) => from_file,
            _ => value,
        }
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Given, clap::Error> {
        let said = |id: &&clap::Id| {
            let source = matches.value_source(id.as_str());
            matches!(
                source,
                Some(ValueSource::CommandLine | ValueSource::EnvVariable)
            )
        };
        let given = matches.ids().filter(said);
        Ok(Given(given.map(ToString::to_string).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Given::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Given {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
    }
}
