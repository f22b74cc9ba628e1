//! A filter between a connection and the stubs: drops error details that are no base64.
//!
//! `tonic` panics over them (`Status::from_header_map`), and so a broken peer could end the task
//! that asked it. Nothing else is changed.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Frame, SizeHint};
use tonic::{
    Status,
    body::Body,
    codegen::{
        Service,
        http::{HeaderMap, Request, Response},
    },
    metadata::MetadataMap,
    transport::Channel,
};

/// A connection whose answers can be read.
#[derive(Debug, Clone)]
pub(super) struct Guarded(pub(super) Channel);

impl Service<Request<Body>> for Guarded {
    type Response = Response<GuardedBody>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            mend(answer.headers_mut());
            Ok(answer.map(GuardedBody))
        })
    }
}

/// The body of such an answer. Its status is in the trailers.
#[derive(Debug)]
pub(super) struct GuardedBody(Body);

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            mend(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

fn mend(headers: &mut HeaderMap) {
    const DETAILS: &str = "grpc-status-details-bin";
    let Some(details) = headers.get(DETAILS) else {
        return;
    };
    let mut alone = HeaderMap::new();
    alone.insert(DETAILS, details.clone());
    let alone = MetadataMap::from_headers(alone);
    let readable = alone
        .get_bin(DETAILS)
        .is_some_and(|details| details.to_bytes().is_ok());
    if !readable {
        headers.remove(DETAILS);
    }
}

#[cfg(test)]
mod tests {
    use tonic::codegen::http::HeaderValue;

    use super::*;

    #[test]
    fn details_that_cannot_be_read_are_dropped_and_others_kept() {
        for (details, kept) in [
            ("AQID", true),
            ("AQ", true),
            ("AQ==", true),
            ("*", false),
            ("A", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", HeaderValue::from_static("13"));
            headers.insert("grpc-status-details-bin", HeaderValue::from_static(details));
            mend(&mut headers);
            assert_eq!(
                headers.contains_key("grpc-status-details-bin"),
                kept,
                "{details}"
            );
            // This is what would panic.
            assert!(Status::from_header_map(&headers).is_some());
        }
    }
}
