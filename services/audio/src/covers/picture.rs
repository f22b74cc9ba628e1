//! Covers: what counts as a picture, and pictures in other sizes.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    imageops::FilterType, metadata::Orientation,
};

use kadenza_contract::{Artwork, Error, Result};

/// The longest edge of a picture that is decoded, in pixels. Scans of covers have some 6,000.
const EDGE_MAX: u32 = 12_000;
/// The most memory that decoding a picture may take, in bytes: 40 million pixels.
const DECODED_BYTES_MAX: u64 = 160 << 20;
/// The quality of pictures that are scaled, as JPEG counts it.
const QUALITY: u8 = 85;

/// Whether these bytes are a picture of a kind that is served, with sane dimensions where they are decoded.
pub(crate) fn is_picture(bytes: &[u8]) -> bool {
    if is_kept(bytes) {
        return true;
    }
    let dimensions = || reader(bytes)?.into_dimensions().ok();
    // A decoder that panics has not found a picture.
    let dimensions = catch_unwind(dimensions).ok().flatten();
    dimensions.is_some_and(|(width, height)| {
        (1..=EDGE_MAX).contains(&width) && (1..=EDGE_MAX).contains(&height)
    })
}

/// A picture as it is in the file.
pub(crate) fn original(bytes: Vec<u8>) -> Option<Artwork> {
    let format = image::guess_format(&bytes).ok()?;
    Some(Artwork {
        content_type: format.to_mime_type().to_owned(),
        bytes: bytes.into(),
    })
}

/// Whether these bytes are a picture that is only served as it is: nothing here decodes its kind.
fn is_kept(bytes: &[u8]) -> bool {
    let format = image::guess_format(bytes);
    matches!(format, Ok(ImageFormat::Tiff | ImageFormat::Avif))
}

/// A picture whose longer edge has at most so many pixels, as JPEG, or as PNG where it is partly
/// transparent; as it is where nothing here decodes its kind. Takes some milliseconds per million pixels.
///
/// # Errors
///
/// [`Error::Damaged`] if it cannot be decoded.
pub(crate) fn scaled(bytes: Vec<u8>, edge: u32) -> Result<Artwork> {
    let broken = |what: String| Error::Damaged {
        what: format!("the cover cannot be decoded: {what}"),
    };
    if is_kept(&bytes) {
        return original(bytes).ok_or_else(|| broken("its kind is not known".into()));
    }
    let work = AssertUnwindSafe(|| {
        let (format, mut picture) = decode(&bytes)?;
        let fits = picture.width() <= edge && picture.height() <= edge;
        if fits && matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
            return Ok(Artwork {
                content_type: format.to_mime_type().to_owned(),
                bytes: bytes.into(),
            });
        }
        if !fits {
            picture = picture.resize(edge, edge, FilterType::Triangle);
        }
        encode(&picture)
    });
    match catch_unwind(work) {
        Ok(done) => done.map_err(|error| broken(error.to_string())),
        Err(_) => Err(broken("it breaks the decoder".into())),
    }
}

fn reader(bytes: &[u8]) -> Option<ImageReader<Cursor<&[u8]>>> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    reader.format().filter(|format| served(*format))?;
    reader.limits(limits());
    Some(reader)
}

fn served(format: ImageFormat) -> bool {
    matches!(
        format,
        ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::Gif
            | ImageFormat::WebP
            | ImageFormat::Bmp
    )
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(EDGE_MAX);
    limits.max_image_height = Some(EDGE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    limits
}

fn decode(bytes: &[u8]) -> image::ImageResult<(ImageFormat, DynamicImage)> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let format = reader.format().unwrap_or(ImageFormat::Jpeg);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok((format, picture))
}

fn encode(picture: &DynamicImage) -> image::ImageResult<Artwork> {
    let mut out = Vec::new();
    let format = if picture.color().has_alpha() {
        picture
            .to_rgba8()
            .write_to(&mut Cursor::new(&mut out), ImageFormat::Png)?;
        ImageFormat::Png
    } else {
        let encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
        picture.to_rgb8().write_with_encoder(encoder)?;
        ImageFormat::Jpeg
    };
    Ok(Artwork {
        content_type: format.to_mime_type().to_owned(),
        bytes: Bytes::from(out),
    })
}
