//! The status of a service.

use crate::conformance::{
    Ground, Promise, Verdict, ground::eventually, promise::promise, verdict::ensure,
};

pub(super) const PROMISES: &[Promise] = &[
    promise!(the_status_counts_songs_and_bytes on an empty service),
    promise!(servers_are_base_urls),
];

async fn the_status_counts_songs_and_bytes(on: &Ground) -> Verdict {
    let mut bytes = 0;
    for n in 0..4 {
        let service = on.service();
        eventually(|| async {
            let status = service.status().await?;
            ensure!(
                status.songs == n,
                "there are {n} songs, and the status says {}",
                status.songs
            );
            ensure!(
                status.bytes >= bytes,
                "there are {bytes} bytes of audio, and the status says {}",
                status.bytes
            );
            Ok(())
        })
        .await?;
        bytes += on.add(&on.file(&format!("Counted {n}"))).await?.best().size;
    }
    on.upload(&on.file("Counted 0")).await?;
    // A status may be some seconds old.
    let service = on.service();
    eventually(|| async {
        let songs = service.status().await?.songs;
        ensure!(
            songs == 4,
            "after a repeated upload the status says {songs} songs instead of 4"
        );
        Ok(())
    })
    .await
}

async fn servers_are_base_urls(on: &Ground) -> Verdict {
    for server in on.service().servers().await? {
        let host = server
            .strip_prefix("http://")
            .or_else(|| server.strip_prefix("https://"));
        ensure!(
            host.is_some_and(|host| host.contains(':') && !host.contains('/')),
            "{server:?} is not a base URL of the form http://HOST:PORT"
        );
    }
    Ok(())
}
