//! Servers that do not answer under the name by which they are asked.

mod common;

use common::{Fault, Music, Server, audio, client};
use futures_util::{StreamExt, stream};
use kadenza_contract::{Error, MusicService, NewSong, Stated};

const OTHER_NAME: Fault = Fault::Problem(421, "misdirected", "");

#[tokio::test(start_paused = true)]
async fn a_server_that_has_another_name_says_so() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    a.always(|_| true, OTHER_NAME);
    let error = client(&[&a]).song(&id).await.unwrap_err();
    let told = error.chain().to_string();
    let right = format!("cannot reach {} under this name: ", a.url);
    assert!(told.starts_with(&right), "{told}");
    assert!(a.seen().len() <= 6, "asked without end");

    // Another one answers, and this one is left alone.
    let client = client(&[&a, &b]);
    let before = a.seen().len();
    for _ in 0..20 {
        assert!(client.song(&id).await.unwrap().is_some());
    }
    assert!(a.seen().len() <= before + 2, "asked again and again");
}

#[tokio::test(start_paused = true)]
async fn a_server_under_another_name_took_nothing() {
    let server = Server::start(&Music::new()).await;
    server.always(|request| request.is_upload(), OTHER_NAME);
    let song = NewSong {
        stated: Stated::default(),
        audio: stream::iter([Ok(audio(1000).into())]).boxed(),
    };
    let error = client(&[&server]).upload(song).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { place, .. } if place.ends_with("under this name")),
        "{error:?}"
    );
}
