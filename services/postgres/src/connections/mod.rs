//! Connections to the database: so many, each call within its time, broken ones never used again.

mod encryption;

use std::{
    borrow::Cow,
    future::Future,
    ops::{Deref, DerefMut},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres, SqlStr,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::subscriber::{NoSubscriber, with_default};

use encryption::{explained, verified};

use crate::{config::PostgresConfig, failing::Server, renewal::renew};
use kadenza_contract::{ContentHash, Error, Result};

/// How much longer than the server's own limit an answer is waited for: then the server is silent,
/// not slow.
const GRACE: Duration = Duration::from_secs(2);

/// How much audio is looked for in a store before it is taken for this library's.
const SOME_AUDIO: i64 = 16;

/// The settings of every connection. A commit is on the disk when it is answered, whatever the server's
/// default. Plans are made for the words that are looked for, since common and rare words want other
/// ones; compiling them costs more than it gains. To look into the words of a song costs ten times
/// what the planner takes an operator for, and pages that are searched are in memory.
const SETTINGS: &str = "SELECT \
    set_config('synchronous_commit', \
        CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' \
            ELSE current_setting('synchronous_commit') END, false), \
    set_config('statement_timeout', $1, false), \
    set_config('lock_timeout', $1, false), \
    set_config('idle_in_transaction_session_timeout', '60000', false), \
    set_config('plan_cache_mode', 'force_custom_plan', false), \
    set_config('cpu_operator_cost', '0.025', false), \
    set_config('random_page_cost', '1.1', false), \
    set_config('jit', 'off', false)";

/// The changes of the tables since the first version. Their texts, versions and descriptions are in
/// every database that there is, and must not change.
fn migrations() -> Migrator {
    let texts = [
        ("songs", include_str!("../../migrations/0001_songs.sql")),
        ("words", include_str!("../../migrations/0002_words.sql")),
        ("names", include_str!("../../migrations/0003_names.sql")),
        ("damaged", include_str!("../../migrations/0004_damaged.sql")),
        ("entries", include_str!("../../migrations/0005_entries.sql")),
        ("scrub", include_str!("../../migrations/0006_scrub.sql")),
        (
            "accounts",
            include_str!("../../migrations/0007_accounts.sql"),
        ),
    ];
    let migrations = (1..).zip(texts).map(|(version, (name, text))| {
        let (kind, text) = (MigrationType::Simple, SqlStr::from_static(text));
        Migration::new(version, Cow::Borrowed(name), kind, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The parameters that the driver knows (sqlx 0.9).
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The names of parameters in a URL that mean nothing.
fn unknown_parameters(url: &str) -> impl Iterator<Item = &str> {
    let (_, parameters) = url.split_once('?').unwrap_or_default();
    let names = parameters
        .split('&')
        .filter_map(|pair| Some(pair.split_once('=')?.0));
    let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
    // What has other characters may be a part of a password with a `?` in it.
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    names.filter(move |name| is_name(name) && !is_known(name))
}

/// The way to the database.
#[derive(Debug)]
pub(super) struct Connections {
    pool: PgPool,
    turns: Arc<Semaphore>,
    pub(super) server: Server,
    patience: Duration,
}

impl Connections {
    /// Connects to the database and brings its tables up to date.
    pub(super) async fn open(url: &str, config: &PostgresConfig) -> Result<Connections> {
        // Of a parameter that it does not know, the driver logs the value.
        let options = with_default(NoSubscriber::default(), || PgConnectOptions::from_str(url));
        for name in unknown_parameters(url) {
            tracing::warn!("the URL of the database has a parameter {name}, which means nothing");
        }
        let options = options
            .map_err(|error| Error::Invalid {
                what: format!(
                    "the URL of the database is not understood ({error}): \
                     postgres://USER:PASSWORD@HOST:PORT/DATABASE is"
                ),
            })?
            .application_name("kadenza")
            .disable_statement_logging();
        let options = verified(options);
        let server = Server {
            name: name(&options),
            patience: config.answer_patience,
        };
        let limit_ms = config.answer_patience.as_millis().to_string();
        let pool = PgPoolOptions::new()
            .max_connections(config.connections_max)
            .acquire_timeout(config.connect_patience)
            .after_connect(move |connection, _| {
                let limit_ms = limit_ms.clone();
                Box::pin(async move {
                    let settings = sqlx::query(SETTINGS).bind(limit_ms);
                    settings.execute(connection).await.map(|_| ())
                })
            })
            .connect_lazy_with(options);
        let connections = Connections {
            pool,
            turns: Arc::new(Semaphore::new(config.connections_max as usize)),
            server,
            patience: config.intake.patience,
        };
        connections.prepare().await?;
        Ok(connections)
    }

    async fn prepare(&self) -> Result<()> {
        let doing = "opening the database";
        let failed = |error| self.server.failed(doing, error);
        let connection = self.pool.acquire().await.map_err(explained);
        let mut connection = connection.map_err(failed)?;
        let settings = "SELECT current_setting('server_encoding'), current_setting('fsync')";
        let (encoding, fsync): (String, String) = sqlx::query_as(settings)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if encoding != "UTF8" {
            return Err(Error::Invalid {
                what: format!(
                    "the database is encoded in {encoding}: make one with \
                     CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
                ),
            });
        }
        if fsync != "on" {
            tracing::warn!(
                "the PostgreSQL server runs with fsync = {fsync}: a power cut may lose acknowledged songs"
            );
        }
        // Servers that start at once take turns, for as long as it takes: the migrator holds a lock.
        let settings = "SELECT set_config('statement_timeout', '0', false), \
            set_config('lock_timeout', '0', false)";
        sqlx::query(settings)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        // Not used for anything else, since nothing limits it now.
        let mut connection = connection.detach();
        migrations()
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| Error::storage("bringing the tables up to date")(error.into()))?;
        renew(&mut connection, &self.server).await?;
        connection.close().await.map_err(failed)
    }

    /// A connection for one call. Unless it is given back it is torn when dropped, after an error or
    /// where a call was given up: nobody knows what the server still does with it.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if all connections are taken for too long, [`Error::Unreachable`] if there
    /// is none to be had.
    pub(super) async fn take(&self) -> Result<LentConnection> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(self.patience, turn).await else {
            return Err(Error::Busy);
        };
        let connection = self.pool.acquire().await;
        let connection = connection.map_err(|error| self.server.failed("connecting", error))?;
        Ok(LentConnection {
            connection: Some(connection),
            _turn: turn,
        })
    }

    /// Waits for the answer of a server that may have fallen silent.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if it has.
    pub(super) async fn answered<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.server.patience + GRACE;
        match tokio::time::timeout(limit, work).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Timeout { waited: limit }),
        }
    }

    /// The name of the library in the database.
    pub(super) async fn owner(&self) -> Result<String> {
        let mut held = self.take().await?;
        let owner = sqlx::query_scalar("SELECT owner FROM library");
        let owner = owner.fetch_one(&mut *held).await;
        let owner = owner.map_err(|error| self.server.failed("opening the database", error))?;
        held.give_back();
        Ok(owner)
    }

    /// Some audio that the database knows, and that nobody found damaged.
    pub(super) async fn some_audio(&self) -> Result<Vec<ContentHash>> {
        let mut held = self.take().await?;
        let some = sqlx::query_scalar("SELECT content FROM audio WHERE damaged IS NULL LIMIT $1");
        let some = some.bind(SOME_AUDIO).fetch_all(&mut *held).await;
        let some: Vec<Vec<u8>> =
            some.map_err(|error| self.server.failed("opening the database", error))?;
        held.give_back();
        let known = some.into_iter().filter_map(|raw| raw.try_into().ok());
        Ok(known.map(ContentHash::from_bytes).collect())
    }

    /// Closes all connections in order.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection on loan.
#[derive(Debug)]
pub(super) struct LentConnection {
    /// Gone when this is.
    connection: Option<PoolConnection<Postgres>>,
    _turn: OwnedSemaphorePermit,
}

impl LentConnection {
    /// Gives the connection back, which is idle.
    pub(super) fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl Deref for LentConnection {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is gone only with this")
    }
}

impl DerefMut for LentConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is gone only with this")
    }
}

impl Drop for LentConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

/// The database and its server, without the password.
fn name(options: &PgConnectOptions) -> String {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    format!("the database {database} at {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_every_version_still_match_the_migrations() {
        let known: Vec<(i64, String, String)> = migrations()
            .iter()
            .map(|migration| {
                let checksum = migration.checksum.iter().map(|byte| format!("{byte:02x}"));
                (
                    migration.version,
                    migration.description.to_string(),
                    checksum.collect(),
                )
            })
            .collect();
        let expected = [
            (
                1,
                "songs",
                "c49dc488cf757b4d4e2fd1adfab25fc181acff015e8a84eae30aa581eb29dfcb\
                 f59d6cd6362fc0f913d590d65a32a8f7",
            ),
            (
                2,
                "words",
                "bd406c7e9051322d74702bd5755f237cf0fe4409fd981ce63dfb04868aa93a34\
                 ff1c436df34c5eac3d8133c189711a48",
            ),
            (
                3,
                "names",
                "e8e39d2797323fb73adb1e5bdcbb628765c84d6a4a625ac1173da41299a554f1\
                 19e48b9d8a606e48e89020c64802d3dd",
            ),
            (
                4,
                "damaged",
                "a74a661caf74d1228ee72a6f2cf68b1cdaa738bceac41a30a531368f2803bc9e\
                 44a9ff711701aecd7fc747bb638bd77b",
            ),
            (
                5,
                "entries",
                "e7781a13222986a357df6d07ec3974e0cee8b7e678d53796f4c92ff0fa6b5758\
                 8258c9e8f96932c5aa011049ecd9dda9",
            ),
            (
                6,
                "scrub",
                "e9c419784288c884ea5c6ab66519786f8585a09f7c4af3c1eb569b162120ae3b\
                 2bd5ef2501b0401a7505dfd90d4f2f68",
            ),
            (
                7,
                "accounts",
                "537533e64db56cf17e3942930fbd6f6da72c12f15c3bf240f306736acae512d5\
                 11f0d36ddcbc1124fbfc8b034d24ccf5",
            ),
        ];
        let expected =
            expected.map(|(version, name, sum)| (version, name.to_owned(), sum.to_owned()));
        assert_eq!(known, expected);
    }
}
