//! Kadenza's one binary: the command line, the web player, and the place where the layers meet.
//!
//! This file parses and dispatches. The commands that ask servers are in [`client`], those that serve
//! in [`server`]; where a setting may come from is told in [`config`].

#[cfg(feature = "server")]
mod audit;
mod cli;
mod client;
#[cfg(feature = "distributed")]
mod cluster;
mod config;
mod ending;
mod fault;
mod logging;
mod output;
mod secrets;
#[cfg(feature = "server")]
mod server;

use std::{process::ExitCode, time::Duration};

use crate::{
    cli::{Cli, Command},
    fault::Fault,
};

fn main() -> ExitCode {
    // Before anything else is read, and without threads: a reader limits itself first.
    #[cfg(feature = "server")]
    if server::reader::is_meant(std::env::args_os()) {
        return ExitCode::from(server::reader::run());
    }
    logging::panics_in_one_line();
    // The hook has told of the panic; the exit status is the contract's, not the runtime's.
    let code = std::panic::catch_unwind(run).unwrap_or(1);
    ExitCode::from(code)
}

fn run() -> u8 {
    let cli = match config::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(refusal) => return refusal.tell(),
    };
    if let Err(fault) = logging::start(cli.log.as_deref(), cli.command.is_server()) {
        return fault.tell();
    }
    #[cfg(feature = "server")]
    if cli.command.makes_data() {
        server::process::private::for_the_user();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => return Fault::io("cannot start", cause).tell(),
    };
    let result = runtime.block_on(dispatch(cli));
    // A thread that waits for a disk or a full pipe must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result.map_or_else(|fault| fault.tell(), |()| 0)
}

async fn dispatch(cli: Cli) -> Result<(), Fault> {
    match cli.command {
        Command::Upload(upload) => ending::interruptible(upload.run()).await,
        Command::Search(search) => ending::interruptible(search.run()).await,
        Command::Listen(listen) => ending::interruptible(listen.run()).await,
        Command::Status(status) => ending::interruptible(status.run()).await,
        Command::Leave(leave) => ending::interruptible(leave.run()).await,
        Command::Forget(forget) => ending::interruptible(forget.run()).await,
        Command::Login(login) => ending::interruptible(login.run()).await,
        Command::Logout(logout) => ending::interruptible(logout.run()).await,
        Command::Users(users) => ending::interruptible(users.run()).await,
        Command::Tokens(tokens) => ending::interruptible(tokens.run()).await,
        #[cfg(feature = "distributed")]
        Command::Cluster(cluster) => cluster.run(),
        #[cfg(feature = "distributed")]
        Command::Invite(invite) => invite.run(),
        #[cfg(feature = "distributed")]
        Command::Revoke(revoke) => revoke.run(),
        #[cfg(feature = "server")]
        Command::Audit(audit) => audit.run(),
        #[cfg(feature = "server")]
        Command::Evaluate(evaluate) => {
            ending::interruptible(server::evaluate::run(*evaluate)).await
        }
        #[cfg(feature = "distributed")]
        Command::Demo(demo) => ending::in_order(|end| demo.run(end)).await,
        #[cfg(feature = "server")]
        Command::Serve(serve) => ending::in_order(|end| serve.run(end)).await,
        #[cfg(feature = "server")]
        Command::Backend(backend) => ending::in_order(|end| backend.run(end)).await,
        #[cfg(feature = "server")]
        Command::Gateway(gateway) => ending::in_order(|end| gateway.run(end)).await,
        #[cfg(feature = "server")]
        Command::Player(player) => ending::in_order(|end| player.run(end)).await,
    }
}
