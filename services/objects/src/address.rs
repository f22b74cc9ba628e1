//! From an address to a store, with bounds on how long it may take.

use std::{fmt, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};

use super::failing::{REQUEST_DEADLINE, said};
use kadenza_contract::{Error, Result};

/// How long a connection may take; one that takes longer is not going to come.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How often a request is repeated, and until when after the first attempt.
const RETRIES_MAX: usize = 5;
const RETRY_DEADLINE: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

const FORMS: &str = "an absolute directory (file:///dir) or a bucket (s3://bucket/prefix)";

/// Where an object store is, and how it is entered.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreAddress {
    url: String,
    variables: Vec<(String, String)>,
}

impl StoreAddress {
    /// A place that is entered with the `AWS_…` variables of this process.
    #[must_use]
    pub fn from_environment(url: &str) -> StoreAddress {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.into_string().ok()?;
            name.starts_with("AWS_").then_some((name, value))
        });
        StoreAddress {
            url: url.to_owned(),
            variables: variables.collect(),
        }
    }

    /// A place that is entered with these variables, and none of the process.
    #[must_use]
    pub fn with_variables<const N: usize>(url: &str, variables: [(&str, &str); N]) -> StoreAddress {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        StoreAddress {
            url: url.to_owned(),
            variables: owned.into(),
        }
    }

    /// The address, which holds no secret.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Without the secret that is among the variables.
impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreAddress").field(&self.url).finish()
    }
}

/// The store that an address names, and the prefix of all objects in it.
pub(super) fn open(address: &StoreAddress) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let StoreAddress {
        url: address,
        variables,
    } = address;
    let invalid = |why: &str| Error::Invalid {
        // A key may stand in an address, though it is wrong there.
        what: match address.contains(['@', '?', '#']) || address.matches(':').count() > 1 {
            true => format!("audio cannot be kept there: {why}"),
            false => format!("audio cannot be kept in {address}: {why}"),
        },
    };
    if let Some(directory) = address.strip_prefix("file://") {
        if !directory.starts_with('/') {
            return Err(invalid(&format!("it takes {FORMS}")));
        }
        let doing = "making the directory for audio";
        std::fs::create_dir_all(directory).map_err(|error| Error::storage(doing)(error.into()))?;
        let store = LocalFileSystem::new_with_prefix(directory)
            .map_err(|error| Error::storage(doing)(error.into()))?;
        // Off by default there; with it, file and directory are synced before a write is done.
        return Ok((Arc::new(store.with_fsync(true)), Path::default()));
    }
    let Some(rest) = address.strip_prefix("s3://") else {
        return Err(invalid(&format!("it takes {FORMS}")));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() || bucket.contains(['@', ':', '?', '#']) {
        return Err(invalid(
            "name a bucket, and give its key in AWS_… variables",
        ));
    }
    let prefix = Path::parse(prefix.trim_end_matches('/'))
        .map_err(|_| invalid("the prefix has empty or odd parts"))?;
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: PAUSE_MIN,
            max_backoff: PAUSE_MAX,
            base: 2.0,
        },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_DEADLINE,
    };
    // The HTTP client refuses to be built where the process has no TLS provider. An error here says that
    // the program has chosen one before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_DEADLINE)
        .with_timeout(REQUEST_DEADLINE);
    let mut builder = AmazonS3Builder::new().with_client_options(client);
    for (name, value) in variables {
        // Variables that `object_store` does not know are meant for other programs.
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_retry(retry)
        .build()
        .map_err(|error| invalid(&said(&error)))?;
    Ok((Arc::new(store), prefix))
}
