//! Covers.

use bytes::Bytes;
use kadenza_contract::{Artwork, ArtworkRequest, Error, PIXELS_MAX, SongId};

use crate::conformance::{Broken, Ground, Promise, Verdict, promise::promise, verdict::ensure};
use crate::fixtures::{AudioFile, Kind, cover};

pub(super) const PROMISES: &[Promise] = &[
    promise!(a_cover_is_as_in_the_file),
    promise!(a_cover_is_scaled_to_the_size_asked_for),
    promise!(a_small_cover_is_not_enlarged),
    promise!(where_there_is_no_cover_there_is_none),
];

async fn add_with_cover(
    on: &Ground,
    title: &str,
    kind: Kind,
    png: &Bytes,
) -> Result<SongId, Broken> {
    let file = AudioFile {
        kind,
        cover: Some(png.clone()),
        ..on.file(title)
    };
    let song = on.add(&file).await?;
    ensure!(
        song.best().has_artwork,
        "a song with a cover in its {kind:?} is said to have none"
    );
    Ok(song.id())
}

async fn cover_of(on: &Ground, song: SongId, size: Option<u32>) -> Result<Artwork, Broken> {
    let artwork = on.service().artwork(&ArtworkRequest { song, size }).await?;
    artwork.ok_or_else(|| Broken::new("a cover is none".into()))
}

async fn a_cover_is_as_in_the_file(on: &Ground) -> Verdict {
    for (n, kind) in [Kind::WavId3, Kind::Flac, Kind::Mp3]
        .into_iter()
        .enumerate()
    {
        let png = cover(n as u8, 40 + n as u32, 30);
        let song = add_with_cover(on, &format!("Covered {kind:?}"), kind, &png).await?;
        let artwork = cover_of(on, song, None).await?;
        ensure!(
            artwork.bytes == png,
            "the cover in a {kind:?} is not the one that was put in"
        );
        ensure!(
            artwork.content_type == "image/png",
            "a PNG in a {kind:?} is told as {:?}",
            artwork.content_type
        );
    }
    Ok(())
}

/// Width and height of a picture that comes as its type says.
fn pixels(artwork: &Artwork) -> Result<(u32, u32), Broken> {
    let broken = |what: String| Broken::new(what);
    let format = image::guess_format(&artwork.bytes)
        .map_err(|error| broken(format!("a cover is no picture: {error}")))?;
    ensure!(
        format.to_mime_type() == artwork.content_type,
        "a cover is {format:?} and is told as {:?}",
        artwork.content_type
    );
    let picture = image::load_from_memory(&artwork.bytes)
        .map_err(|error| broken(format!("a cover cannot be read: {error}")))?;
    Ok((picture.width(), picture.height()))
}

async fn a_cover_is_scaled_to_the_size_asked_for(on: &Ground) -> Verdict {
    for (n, (width, height)) in [(600, 600), (640, 320), (300, 900)].into_iter().enumerate() {
        let png = cover(9, width, height);
        let song = add_with_cover(on, &format!("Scaled {n}"), Kind::Flac, &png).await?;
        for size in [200, 64, 1] {
            let scaled = pixels(&cover_of(on, song, Some(size)).await?)?;
            let side = |of: u32| (of * size).div_ceil(width.max(height)).max(1);
            let near = |a: u32, b: u32| a.abs_diff(b) <= 1;
            ensure!(
                scaled.0.max(scaled.1) == size
                    && near(scaled.0, side(width))
                    && near(scaled.1, side(height)),
                "a cover of {width} x {height}, asked for at {size}, came as {scaled:?}"
            );
        }
    }
    Ok(())
}

async fn a_small_cover_is_not_enlarged(on: &Ground) -> Verdict {
    let song = add_with_cover(on, "Small", Kind::Flac, &cover(3, 50, 20)).await?;
    for size in [50, 51, 300, PIXELS_MAX] {
        let pixels = pixels(&cover_of(on, song, Some(size)).await?)?;
        ensure!(
            pixels == (50, 20),
            "a cover of 50 x 20, asked for at {size}, came as {pixels:?}"
        );
    }
    // Sizes that make no sense are refused, or answered with something sensible.
    for size in [0, PIXELS_MAX + 1, u32::MAX] {
        match on
            .service()
            .artwork(&ArtworkRequest {
                song,
                size: Some(size),
            })
            .await
        {
            Ok(Some(artwork)) => {
                pixels(&artwork)?;
            }
            Err(Error::Invalid { .. }) => {}
            other => ensure!(false, "a cover asked for at {size} pixels is {other:?}"),
        }
    }
    Ok(())
}

async fn where_there_is_no_cover_there_is_none(on: &Ground) -> Verdict {
    let plain = on.add(&on.file("Plain")).await?;
    ensure!(
        !plain.best().has_artwork,
        "a song without a cover is said to have one"
    );
    let unknown = SongId::of("Nobody uploaded this", &on.artist(), "");
    for song in [plain.id(), unknown] {
        for size in [None, Some(100)] {
            let artwork = on.service().artwork(&ArtworkRequest { song, size }).await?;
            ensure!(artwork.is_none(), "where there is no cover there is one");
        }
    }
    Ok(())
}
