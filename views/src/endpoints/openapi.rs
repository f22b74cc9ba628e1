//! The description of the HTTP interface, in OpenAPI 3.1.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use kadenza_api::openapi;

use crate::{Problem, call::Call};

/// Asked for by tools, and the same until the server is replaced.
const CACHE: HeaderValue = HeaderValue::from_static("max-age=60");

/// `GET /api/v1/openapi.json`
pub(crate) async fn document(_call: &Call, _body: Body) -> Result<Response, Problem> {
    let mut response = openapi::document().into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, CACHE);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kadenza_api::paths;
    use serde_json::Value;

    use super::*;
    use crate::route::Route;

    fn document() -> Value {
        serde_json::from_str(openapi::document()).unwrap()
    }

    #[test]
    fn every_endpoint_is_described_and_the_other_way_round() {
        let served: BTreeSet<(String, String)> = Route::ALL
            .iter()
            .filter(|route| **route != Route::Nowhere)
            .map(|route| (route.path().to_owned(), route.method().to_owned()))
            // The process around the views serves it, since membership is no call of a service.
            .chain([paths::LEAVE, paths::FORGET].map(|path| (path.to_owned(), "post".to_owned())))
            .collect();
        let document = document();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| (path.clone(), method.clone()))
            })
            // `HEAD` goes with every `GET`, and is described where it says more.
            .filter(|(_, method)| method != "parameters" && method != "head")
            .collect();
        assert_eq!(served, described);
    }
}
