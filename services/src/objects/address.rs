//! From an address to a store, with bounds on how long it may take.

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};

use super::failing::said;
use crate::{Error, Result};

/// How long a connection may take; one that takes longer is not going to come.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long one request may take with its body, 8 MiB at most: a line of 2 Mbit/s can do it.
pub(super) const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// How often a request is repeated, and until when after the first attempt.
const RETRIES_MAX: usize = 5;
const RETRY_DEADLINE: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

const FORMS: &str = "an absolute directory (file:///dir) or a bucket (s3://bucket/prefix)";

/// The store that an address names, and the prefix of all objects in it.
pub(super) fn open(address: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let invalid = |why: &str| Error::Invalid {
        // What stands before an @ may be a key.
        what: format!(
            "audio cannot be kept in {}: {why}",
            address.rsplit('@').next().unwrap_or_default()
        ),
    };
    if let Some(directory) = directory(address) {
        let directory = directory.map_err(|why| invalid(&why))?;
        let doing = "making the directory for audio";
        std::fs::create_dir_all(&directory).map_err(|error| Error::storage(doing)(error.into()))?;
        let store = LocalFileSystem::new_with_prefix(&directory)
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
    let plain = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|said| said == "true" || said == "1");
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_DEADLINE)
        .with_timeout(REQUEST_DEADLINE)
        .with_allow_http(plain);
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry)
        .with_client_options(client)
        .build()
        .map_err(|error| invalid(&said(&error)))?;
    Ok((Arc::new(store), prefix))
}

/// The directory in `file:///dir`; `None` if the address is of another kind.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn directory(address: &str) -> Option<Result<std::path::PathBuf, String>> {
    let path = address.strip_prefix("file://")?;
    Some(match path.starts_with('/') {
        true => Ok(path.into()),
        false => Err(format!("it takes {FORMS}")),
    })
}
