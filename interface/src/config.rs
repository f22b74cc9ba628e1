//! The settings of a run. Each comes from a flag, else from a variable, else from the file.
//!
//! There is one mechanism for all flags of all commands. Every flag is given the variable of its
//! name, and what the file says becomes the flag's default. So the precedence is that of `clap`,
//! and a value is checked by the same parser wherever it came from.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use clap::{ArgAction, CommandFactory, FromArgMatches, builder::FalseyValueParser};
use toml::{Table, Value};

use crate::{cli::Cli, fault::Fault, secrets};

/// Parses the command line, with variables and the file behind it.
///
/// # Errors
///
/// [`Fault::Usage`] for a file that cannot be read or holds a setting that no command has,
/// [`Fault::Refused`] for all that `clap` refuses, and [`Fault::Clap`] for `--help`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Fault> {
    let args: Vec<OsString> = args.into_iter().collect();
    let command = Cli::command();
    let file = match file_named_in(&args) {
        Some(path) => Settings::read(&path, &command)?,
        None => Settings::default(),
    };
    let matches = settled(command, &file).try_get_matches_from(&args);
    matches
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| secrets::refusal(error, &file.words(&args)))
}

/// The file that is named by `--config`, else by `KADENZA_CONFIG`.
///
/// The parsing needs the settings of the file, so the file is looked for before it, by hand.
fn file_named_in(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter().skip(1).take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("KADENZA_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// The settings of the file: values by flag, for all commands and for single ones.
#[derive(Debug, Default)]
struct Settings {
    everywhere: BTreeMap<String, Vec<String>>,
    by_command: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Settings {
    fn read(path: &Path, command: &clap::Command) -> Result<Settings, Fault> {
        let bad = |what: String| Fault::Usage(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path)
            .map_err(|cause| bad(format!("cannot read the settings: {cause}")))?;
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| bad(in_one_line(&text, &error)))?;
        Settings::of(&table, command).map_err(bad)
    }

    fn of(table: &Table, command: &clap::Command) -> Result<Settings, String> {
        let mut settings = Settings::default();
        for (name, value) in table {
            if let (Some(sub), Value::Table(section)) = (command.find_subcommand(name), value) {
                let values = settings.by_command.entry(name.clone()).or_default();
                for (name, value) in section {
                    let flag = flag_named(name);
                    if !has_flag(sub, &flag) {
                        return Err(format!(
                            "`{name}` is not a setting of `kadenza {}`",
                            sub.get_name()
                        ));
                    }
                    values.insert(flag, texts(name, value)?);
                }
                continue;
            }
            let flag = flag_named(name);
            if !command
                .get_subcommands()
                .chain([command])
                .any(|command| has_flag(command, &flag))
            {
                return Err(format!("no command of this build has the setting `{name}`"));
            }
            settings.everywhere.insert(flag, texts(name, value)?);
        }
        Ok(settings)
    }

    /// All words that may become values: of the command line, of variables and of the file.
    fn words(&self, args: &[OsString]) -> Vec<String> {
        let variables = std::env::vars_os().filter(|(name, _)| {
            let name = name.as_encoded_bytes();
            name.starts_with(b"KADENZA_")
        });
        let given = args
            .iter()
            .cloned()
            .chain(variables.map(|(_, value)| value));
        let given = given.flat_map(|words| {
            let words = words.to_string_lossy().into_owned();
            // A variable may hold several addresses, with blanks between them.
            let parts: Vec<String> = words.split(' ').map(str::to_owned).collect();
            std::iter::once(words).chain(parts)
        });
        let of_file = self.by_command.values().flat_map(BTreeMap::values);
        let of_file = of_file.chain(self.everywhere.values()).flatten().cloned();
        given.chain(of_file).collect()
    }

    fn value(&self, command: &str, flag: &str) -> Option<&Vec<String>> {
        self.by_command
            .get(command)
            .and_then(|section| section.get(flag))
            .or_else(|| self.everywhere.get(flag))
    }
}

/// The flag that a name in the file means. A list of servers reads better in the plural.
fn flag_named(name: &str) -> String {
    match name {
        "servers" => "server".to_owned(),
        name => name.replace('_', "-"),
    }
}

fn has_flag(command: &clap::Command, flag: &str) -> bool {
    let is_here = command
        .get_arguments()
        .any(|arg| arg.get_long() == Some(flag));
    flag != "config" && (is_here || command.get_subcommands().any(|sub| has_flag(sub, flag)))
}

/// A value of the file as it would stand on the command line.
fn texts(name: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Float(number) => Ok(vec![number.to_string()]),
        Value::Boolean(yes) => Ok(vec![yes.to_string()]),
        Value::Array(values) => {
            let texts: Result<Vec<_>, _> = values.iter().map(|value| texts(name, value)).collect();
            Ok(texts?.concat())
        }
        Value::Datetime(_) | Value::Table(_) => Err(format!(
            "`{name}` must be a text, a number, true, false, or a list of these"
        )),
    }
}

fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    format!("line {line}: {}", error.message())
}

/// The command with every flag bound to its variable, and to what the file says.
fn settled(command: clap::Command, file: &Settings) -> clap::Command {
    let root = command.get_name().to_owned();
    command
        .mut_args(|arg| settle(arg, &root, file))
        .mut_subcommands(|sub| {
            let name = sub.get_name().to_owned();
            settled_below(sub, &name, file)
        })
}

/// The same for a command and those below it, such as `kadenza users add`. They share a section of the file.
fn settled_below(command: clap::Command, section: &str, file: &Settings) -> clap::Command {
    command
        .mut_args(|arg| settle(arg, section, file))
        .mut_subcommands(|sub| settled_below(sub, section, file))
}

fn settle(arg: clap::Arg, command: &str, file: &Settings) -> clap::Arg {
    let Some(flag) = arg.get_long().map(str::to_owned) else {
        return arg;
    };
    let mut arg = arg.hide_env_values(true);
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        // `KADENZA_JSON=1` and `json = false` are meant as they read.
        arg = arg.value_parser(FalseyValueParser::new());
    }
    let variable = variable(&flag);
    // An empty variable is an unset one: that is how container files leave a setting out.
    if std::env::var_os(&variable).as_deref() != Some(OsStr::new("")) {
        arg = arg.env(variable);
    }
    match file.value(command, &flag) {
        Some(values) if !values.is_empty() => arg.required(false).default_values(values.clone()),
        _ => arg,
    }
}

/// The variable of a flag.
fn variable(flag: &str) -> String {
    match flag {
        "server" => "KADENZA_SERVERS".to_owned(),
        flag => format!("KADENZA_{}", flag.replace('-', "_").to_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        Settings::of(&text.parse().unwrap(), &Cli::command())
    }

    #[test]
    fn the_command_line_is_sound() {
        settled(Cli::command(), &Settings::default()).debug_assert();
    }

    #[test]
    fn a_section_wins_over_what_stands_on_top() {
        // Those of `kadenza users add` are in the section of `kadenza users`.
        let below = settings("[users]\nrole = 'listen'").unwrap();
        assert_eq!(below.value("users", "role").unwrap(), &["listen"]);
        let settings =
            settings("limit = 7\nservers = ['http://a', 'http://b']\n[search]\nlimit = 9").unwrap();
        assert_eq!(settings.value("search", "limit").unwrap(), &["9"]);
        assert_eq!(settings.value("upload", "limit").unwrap(), &["7"]);
        assert_eq!(
            settings.value("status", "server").unwrap(),
            &["http://a", "http://b"]
        );
    }

    #[test]
    fn a_setting_that_no_command_has_is_refused_by_its_name() {
        for text in [
            "limmit = 7",
            "[search]\noutput = 'x'",
            "[dance]\nlimit = 1",
            "limit = { a = 1 }",
            "config = 'x'",
        ] {
            assert!(settings(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_file_is_found_before_the_words_and_not_among_them() {
        let args = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let named = |text| file_named_in(&args(text));
        assert_eq!(
            named("kadenza search a --config f.toml"),
            Some("f.toml".into())
        );
        assert_eq!(
            named("kadenza --config=f.toml search a"),
            Some("f.toml".into())
        );
        assert_eq!(named("kadenza search -- --config f.toml"), None);
    }
}
