//! Who asks: the state that all calls share, and what shows the servers on whose behalf a request is sent.
//!
//! Only what must reach a server whoever asks, its health, is asked past this.

use std::{ops::Deref, sync::Arc};

use kadenza_api::Unreadable;
use kadenza_contract::Credential;
use reqwest::{
    Method, RequestBuilder,
    header::{AUTHORIZATION, HeaderValue},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    base::Base,
    choice::Server,
    http::exchange::{self, Failed},
    shared::Shared,
};

/// Somebody who asks. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    shared: Arc<Shared>,
    /// Sensitive: it is left out wherever headers are shown.
    authorization: Option<HeaderValue>,
}

impl Asker {
    /// Somebody with this credential, or with none.
    pub(crate) fn new(shared: Arc<Shared>, credential: Option<&Credential>) -> Asker {
        let authorization = credential.map(|credential| {
            let value = format!("Bearer {}", credential.expose());
            let mut value = HeaderValue::try_from(value).expect("a credential is a word of ASCII");
            value.set_sensitive(true);
            value
        });
        Asker {
            shared,
            authorization,
        }
    }

    /// Somebody else, who asks the same servers.
    pub(crate) fn another(&self, credential: Option<&Credential>) -> Asker {
        Asker::new(Arc::clone(&self.shared), credential)
    }

    /// A question to a server.
    pub(crate) fn get(&self, server: &Base, path: &str) -> RequestBuilder {
        self.request(Method::GET, server, path)
    }

    /// A request to a server, with what shows who asks.
    pub(crate) fn request(&self, method: Method, server: &Base, path: &str) -> RequestBuilder {
        let request = self.shared.request(method, server, path);
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        }
    }

    /// Asks one server for JSON of at most `bytes_max`.
    pub(crate) async fn json_of<T: DeserializeOwned, U>(
        &self,
        server: &Server,
        path: &str,
        parameters: &(impl Serialize + Sync),
        bytes_max: usize,
        parse: &(impl Fn(T) -> Result<U, Unreadable> + Sync),
    ) -> Result<U, Failed> {
        let request = self.get(&server.base, path).query(parameters);
        let response = exchange::send(&server.base, request).await?;
        let body = exchange::body(&server.base, response, bytes_max).await?;
        kadenza_api::read(&body)
            .and_then(parse)
            .map_err(|what| Failed::nonsense(&server.base, what))
    }
}

impl Deref for Asker {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}
