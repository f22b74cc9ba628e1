//! The command line as a whole: the commands that this build has, and what all of them take.
//!
//! The flags of a command are in the file of the command. [`crate::config`] lets each flag be a
//! variable and a setting of the file as well.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A music library that lives on many machines at once.
///
/// Upload a song to any machine, find it from any other, and listen to it from any machine that is
/// still up.
#[derive(Debug, Parser)]
#[command(name = "kadenza", version, long_version = LONG_VERSION, arg_required_else_help = true)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{SETTINGS}"))]
pub(crate) struct Cli {
    /// A file of settings in TOML, usually `kadenza.toml`; `kadenza --help` describes it
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,

    /// What to log on stderr: error, warn, info, debug, trace, or a filter such as
    /// `warn,kadenza_distributed=debug` [default: info for servers, error for the other commands]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Everywhere")]
    pub(crate) log: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[cfg(feature = "distributed")]
    Demo(crate::server::demo::Demo),
    #[cfg(feature = "server")]
    Serve(Box<crate::server::serve::Serve>),
    #[cfg(feature = "server")]
    Backend(crate::server::backend::Backend),
    #[cfg(feature = "server")]
    Gateway(crate::server::gateway::Gateway),
    #[cfg(feature = "server")]
    Player(crate::server::player::Player),
    Upload(crate::client::upload::Upload),
    Search(crate::client::search::Search),
    Listen(crate::client::listen::Listen),
    Status(crate::client::status::Status),
    Leave(crate::client::leave::Leave),
    Forget(crate::client::forget::Forget),
    Login(crate::client::people::login::Login),
    Logout(crate::client::people::logout::Logout),
    Users(crate::client::people::users::Users),
    Tokens(crate::client::people::tokens::Tokens),
    #[cfg(feature = "distributed")]
    Cluster(crate::cluster::Cluster),
    #[cfg(feature = "distributed")]
    Invite(crate::cluster::Invite),
    #[cfg(feature = "distributed")]
    Revoke(crate::cluster::Revoke),
    #[cfg(feature = "server")]
    Audit(crate::audit::Audit),
    #[cfg(feature = "server")]
    Evaluate(Box<kadenza_evaluate::Evaluate>),
}

impl Command {
    /// Whether the command may make a data directory, which is for its user alone.
    #[cfg(feature = "server")]
    pub(crate) fn makes_data(&self) -> bool {
        match self {
            #[cfg(feature = "distributed")]
            Command::Cluster(_) => true,
            Command::Users(_) => true,
            command => command.is_server(),
        }
    }

    /// Whether the command runs until it is told to end.
    pub(crate) fn is_server(&self) -> bool {
        match self {
            #[cfg(feature = "distributed")]
            Command::Demo(_) => true,
            #[cfg(feature = "server")]
            Command::Serve(_) | Command::Backend(_) | Command::Gateway(_) | Command::Player(_) => {
                true
            }
            #[cfg(feature = "distributed")]
            Command::Cluster(_) | Command::Invite(_) | Command::Revoke(_) => false,
            #[cfg(feature = "server")]
            Command::Audit(_) | Command::Evaluate(_) => false,
            Command::Upload(_)
            | Command::Search(_)
            | Command::Listen(_)
            | Command::Status(_)
            | Command::Leave(_)
            | Command::Forget(_)
            | Command::Login(_)
            | Command::Logout(_)
            | Command::Users(_)
            | Command::Tokens(_) => false,
        }
    }
}

const LONG_VERSION: &str = if cfg!(feature = "distributed") {
    concat!(
        env!("CARGO_PKG_VERSION"),
        "\nlayers: views, cache, distributed, library"
    )
} else if cfg!(feature = "server") {
    concat!(
        env!("CARGO_PKG_VERSION"),
        "\nlayers: views, cache, library (built without the distributed layer)"
    )
} else {
    concat!(
        env!("CARGO_PKG_VERSION"),
        "\nlayers: none (built without a server)"
    )
};

#[cfg(feature = "distributed")]
const EXAMPLES: &str = "\
Examples:
  kadenza demo
      three nodes on this machine and a player, to try Kadenza out
  kadenza serve --data ~/music --bootstrap --rpc 10.0.0.1:4534
  kadenza invite --data ~/music > invitation
  kadenza serve --data /srv/music --invite invitation --rpc 10.0.0.2:4534
  kadenza upload ~/Music
      to http://127.0.0.1:4533, since no --server is given
  kadenza login ada --server https://music.home:4533
      from then on the other commands may ask that server
  kadenza search freezing point
  kadenza listen 3f0c…9a --output song.flac";

#[cfg(not(feature = "distributed"))]
const EXAMPLES: &str = "\
Examples:
  kadenza upload ~/Music
      to http://127.0.0.1:4533, since no --server is given
  kadenza upload --server http://music.home:4533 song.mp3 --title 'The Title'
  kadenza login ada --server https://music.home:4533
      from then on the other commands may ask that server
  kadenza search freezing point
  kadenza listen 3f0c…9a --output song.flac";

const SETTINGS: &str = "\
Settings:
  Every flag can also be given as a variable of the environment, or in the
  file that --config names. A flag wins over its variable, and a variable over
  the file. The variable of --http is KADENZA_HTTP; that of --server is
  KADENZA_SERVERS, with commas between several servers. In the file, a name
  before the first section is for all commands that have such a flag, and a
  section is for the command of its name:

    servers = [\"http://music.home:4533\", \"http://attic.home:4533\"]
    [serve]
    data = \"/srv/music\"
    join = [\"music.home:4534\"]

Exit status:
  0 done, 1 failed (with the reason on stderr), 2 bad usage";
