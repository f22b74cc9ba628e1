//! One server asked about accounts: who signs in, and which accounts and tokens there are.
//!
//! Each call is sent once and to this server alone. To send a change again could make two tokens, and a password
//! should not travel further than it must.

use std::fmt;

use kadenza_api::Problem;
use kadenza_contract::{Credential, Error, Failure, Result};
use reqwest::{Method, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::{
    base::Base,
    config::ClientConfig,
    http::exchange::{self, Failed},
};

/// The largest answer about accounts, in bytes: some thousands of accounts or tokens.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Why a call about accounts gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server answered that it will not. The code says why, the detail says it to people.
    #[error("{}", .0.detail)]
    Refused(Failure),
    /// There was no answer, or none that makes sense.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// One server, and whoever asks it about accounts.
pub struct AccountCalls {
    server: Base,
    http: reqwest::Client,
    config: ClientConfig,
}

impl AccountCalls {
    /// Calls to the server at this URL, by whoever the settings show it. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is no such URL.
    pub fn new(server: &str, config: ClientConfig) -> Result<AccountCalls> {
        let server = Base::parse(server)?;
        let http = exchange::http(&config).map_err(Error::storage("setting up the HTTP client"))?;
        Ok(AccountCalls {
            server,
            http,
            config,
        })
    }

    /// Calls to the same server, by whoever this shows it.
    #[must_use]
    pub fn asked_by(&self, credential: Credential) -> AccountCalls {
        let mut config = self.config.clone();
        config.credential = Some(credential);
        AccountCalls {
            server: self.server.clone(),
            http: self.http.clone(),
            config,
        }
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    ///
    /// What the server refuses, or that it does not answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.json(self.request(Method::GET, path)).await
    }

    /// Sends something to a path, and reads the answer.
    ///
    /// # Errors
    ///
    /// Those of [`AccountCalls::get`]. If no answer came, it may have happened.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// Changes what is at a path, and reads what it is now.
    ///
    /// # Errors
    ///
    /// Those of [`AccountCalls::post`].
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        self.json(self.request(Method::PATCH, path).json(body))
            .await
    }

    /// Tells the server to do what a path stands for.
    ///
    /// # Errors
    ///
    /// Those of [`AccountCalls::post`].
    pub async fn tell(&self, path: &str) -> Result<(), CallError> {
        self.send(self.request(Method::POST, path)).await.map(drop)
    }

    /// Deletes what is at a path.
    ///
    /// # Errors
    ///
    /// Those of [`AccountCalls::post`].
    pub async fn delete(&self, path: &str) -> Result<(), CallError> {
        self.send(self.request(Method::DELETE, path))
            .await
            .map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.server.resource(path));
        match &self.config.credential {
            // reqwest marks the header as sensitive.
            Some(credential) => request.bearer_auth(credential.expose()),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        let response = self.send(request).await?;
        let body = self.in_time(exchange::body(&self.server, response, ANSWER_BYTES_MAX));
        let read = kadenza_api::read(&body.await?);
        Ok(read.map_err(|what| Failed::nonsense(&self.server, what).error)?)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let sending = async {
            let sent = request.send().await;
            sent.map_err(|error| Failed::broken(&self.server, error))
        };
        let response = self.in_time(sending).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = self.in_time(exchange::body(&self.server, response, ANSWER_BYTES_MAX));
        match Problem::failure(&body.await?) {
            Some(failure) => Err(CallError::Refused(failure)),
            None => {
                Err(Failed::nonsense(&self.server, format!("{status} without a reason")).error)?
            }
        }
    }

    /// A password takes its time to be checked, and waits for its turn.
    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Failed>>) -> Result<T, Error> {
        let waited = self.config.deadline;
        match timeout(waited, call).await {
            Ok(done) => done.map_err(|failed| failed.error),
            Err(_) => Err(Error::Timeout { waited }),
        }
    }
}

impl fmt::Debug for AccountCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountCalls")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
