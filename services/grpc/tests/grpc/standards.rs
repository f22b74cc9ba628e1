//! The standard services of gRPC, health and reflection, asked by their own
//! clients.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use kadenza_grpc::ServerConfig;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{Backend, Odd};

const MUSIC: &str = "kadenza.v1.MusicService";

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn health_is_told_and_the_end_is_told_to_those_who_watch() {
    let server = ServerConfig {
        // A client that watches would delay the end.
        grace: Duration::from_millis(500),
        ..ServerConfig::default()
    };
    let backend = Backend::of(Arc::new(Odd::default()), server).await;
    let mut health = HealthClient::new(backend.channel().await);
    for service in ["", MUSIC] {
        let answer = health.check(asked(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(asked("dance")).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);

    let mut watch = health.watch(asked(MUSIC)).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let ending = tokio::spawn(backend.end());
    let last = watch.message().await.unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    ending.await.unwrap();
}

#[tokio::test]
async fn tools_learn_by_reflection_what_can_be_asked() {
    let backend = Backend::of(Arc::new(Odd::default()), ServerConfig::default()).await;
    let mut reflection = ServerReflectionClient::new(backend.channel().await);
    let mut ask = async |question: MessageRequest| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let mut answers = reflection
            .server_reflection_info(stream::iter([request]))
            .await
            .unwrap()
            .into_inner();
        let answer = answers.next().await.unwrap().unwrap();
        answer.message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(list) =
        ask(MessageRequest::ListServices(String::new())).await
    else {
        panic!("not a list of services");
    };
    let names: Vec<&str> = list.service.iter().map(|one| one.name.as_str()).collect();
    for name in [
        MUSIC,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let described = ask(MessageRequest::FileContainingSymbol(format!(
        "{MUSIC}.UploadSong"
    )))
    .await;
    let MessageResponse::FileDescriptorResponse(files) = described else {
        panic!("not a description: {described:?}");
    };
    assert!(!files.file_descriptor_proto.is_empty());
}
