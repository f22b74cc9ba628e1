//! An HTTP client for tests that speak to a server past the middleware.

/// A client with reqwest's own settings.
pub fn client() -> reqwest::ClientBuilder {
    // The HTTP client refuses to be built where the process has no TLS provider. An error here says that
    // there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// Asks for an address, past the middleware.
///
/// # Errors
///
/// If nobody answers.
pub async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    client().build()?.get(url).send().await
}
