//! Covers: what counts as a picture, and pictures in other sizes.
//!
//! A picture is decoded once, to pixels of at most the largest size that is served; all sizes are made of those.
//! How much memory its decoder needs is reckoned first: it does not keep to a limit by itself. A cover that needs too
//! much is given as it is, if a browser can show it.

use std::io::Cursor;

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};
use kadenza_contract::{Artwork, PIXELS_MAX};

use super::jpeg::kept_bytes;
use crate::guard::guarded;

/// The longest edge of a picture that is decoded, in pixels. Scans of covers have some 6,000.
const EDGE_MAX: u32 = 12_000;
/// The most memory that decoding a picture may take, in bytes: 50 million pixels of JPEG, or 25 million where it is
/// progressive, as such pictures mostly are sampled.
const DECODED_BYTES_MAX: u64 = 144 << 20;
/// The largest picture that is given as it is where decoding it takes too much memory, in pixels: 200 MB in a browser.
const PIXELS_AS_IS_MAX: u64 = 50_000_000;
/// The quality of pictures that are scaled, as JPEG counts it.
const QUALITY: u8 = 85;

/// A picture that was to be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Pixels(Picture),
    /// It takes too much memory, and is given in its own size.
    AsIs,
}

/// The pixels of a picture, of eight bits a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) has_alpha: bool,
    /// Row by row, three bytes a pixel, or four with transparency.
    pub(crate) pixels: Bytes,
    /// The media type that the picture had.
    pub(crate) kind: String,
    /// Whether it is as large as the picture was.
    pub(crate) is_whole: bool,
}

impl Picture {
    /// The same, if its sizes fit each other.
    pub(crate) fn checked(self) -> Option<Picture> {
        let edges = 1..=PIXELS_MAX;
        let is_sound = edges.contains(&self.width) && edges.contains(&self.height);
        let bytes = u64::from(self.width) * u64::from(self.height) * self.channels();
        (is_sound && self.pixels.len() as u64 == bytes).then_some(self)
    }

    fn channels(&self) -> u64 {
        if self.has_alpha { 4 } else { 3 }
    }

    fn image(&self) -> Option<DynamicImage> {
        let (width, height, pixels) = (self.width, self.height, self.pixels.to_vec());
        match self.has_alpha {
            true => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8),
            false => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        }
    }

    /// As a picture whose longer edge has at most so many pixels: as JPEG, or as PNG where it is partly transparent.
    /// `original` is what it was decoded from, and stays as it is where it is small enough and of one of these kinds.
    /// Takes some milliseconds per million pixels.
    pub(crate) fn scaled(&self, edge: u32, original: &[u8]) -> Option<Artwork> {
        let fits = self.is_whole && self.width <= edge && self.height <= edge;
        if fits && matches!(self.kind.as_str(), "image/jpeg" | "image/png") {
            return Some(Artwork {
                content_type: self.kind.clone(),
                bytes: Bytes::copy_from_slice(original),
            });
        }
        let mut image = self.image()?;
        if self.width > edge || self.height > edge {
            image = image.resize(edge, edge, FilterType::Triangle);
        }
        encode(&image).ok()
    }
}

/// Whether these bytes are a picture of a kind that is served, with sane dimensions where they are decoded.
pub(crate) fn is_picture(bytes: &[u8]) -> bool {
    if is_kept(bytes) {
        return true;
    }
    // A decoder that panics has not found a picture.
    let dimensions = guarded(|| reader(bytes)?.into_dimensions().ok()).flatten();
    dimensions.is_some_and(|(width, height)| {
        (1..=EDGE_MAX).contains(&width) && (1..=EDGE_MAX).contains(&height)
    })
}

/// A picture as it is in the file.
pub(crate) fn original(bytes: Bytes) -> Option<Artwork> {
    let format = image::guess_format(&bytes).ok()?;
    Some(Artwork {
        content_type: format.to_mime_type().to_owned(),
        bytes,
    })
}

/// Whether these bytes are a picture that is only served as it is: nothing here decodes its kind.
pub(crate) fn is_kept(bytes: &[u8]) -> bool {
    let format = image::guess_format(bytes);
    matches!(format, Ok(ImageFormat::Tiff | ImageFormat::Avif))
}

/// The pixels of a picture.
///
/// # Errors
///
/// Why it cannot be decoded.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let decoded = guarded(|| decoded(bytes));
    match decoded.ok_or_else(|| "it breaks the decoder".to_owned())?? {
        Decoded::Pixels(picture) => picture
            .checked()
            .map(Decoded::Pixels)
            .ok_or_else(|| "it has no pixels".to_owned()),
        Decoded::AsIs => Ok(Decoded::AsIs),
    }
}

fn decoded(bytes: &[u8]) -> Result<Decoded, String> {
    let said = |error: image::ImageError| error.to_string();
    let reader = reader(bytes).ok_or_else(|| "its kind is not known".to_owned())?;
    let format = reader.format().unwrap_or(ImageFormat::Jpeg);
    let mut decoder = reader.into_decoder().map_err(said)?;
    if memory(&decoder, format, bytes) > DECODED_BYTES_MAX {
        let (width, height) = decoder.dimensions();
        return match u64::from(width) * u64::from(height) <= PIXELS_AS_IS_MAX {
            true => Ok(Decoded::AsIs),
            false => Err("it takes too much memory".to_owned()),
        };
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(said)?;
    let is_whole = image.width() <= PIXELS_MAX && image.height() <= PIXELS_MAX;
    if !is_whole {
        // Other ways of scaling take more memory than the picture.
        image = image.thumbnail(PIXELS_MAX, PIXELS_MAX);
    }
    image.apply_orientation(orientation);
    let (width, height, has_alpha) = (image.width(), image.height(), image.color().has_alpha());
    let pixels = match has_alpha {
        true => image.into_rgba8().into_raw(),
        false => image.into_rgb8().into_raw(),
    };
    Ok(Decoded::Pixels(Picture {
        width,
        height,
        has_alpha,
        pixels: pixels.into(),
        kind: format.to_mime_type().to_owned(),
        is_whole,
    }))
}

/// How much memory decoding takes, in bytes: its result, and what the decoder of its kind has beside it.
fn memory(decoder: &impl ImageDecoder, format: ImageFormat, bytes: &[u8]) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let beside = match format {
        ImageFormat::Jpeg => kept_bytes(bytes).unwrap_or(pixels.saturating_mul(8)),
        // The frame before it is put on the canvas.
        ImageFormat::Gif => pixels.saturating_mul(4),
        // The canvas as well, where it moves.
        ImageFormat::WebP => pixels.saturating_mul(8),
        _ => 0,
    };
    decoder.total_bytes().saturating_add(beside)
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

fn encode(picture: &DynamicImage) -> image::ImageResult<Artwork> {
    let mut out = Vec::new();
    let format = if picture.color().has_alpha() {
        picture.write_to(&mut Cursor::new(&mut out), ImageFormat::Png)?;
        ImageFormat::Png
    } else {
        let encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
        picture.write_with_encoder(encoder)?;
        ImageFormat::Jpeg
    };
    Ok(Artwork {
        content_type: format.to_mime_type().to_owned(),
        bytes: Bytes::from(out),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a BMP of three bytes a pixel, and nothing of its pixels.
    fn promised(edge: u32) -> Vec<u8> {
        let edge = edge.to_le_bytes();
        [
            &b"BM"[..],
            &[0; 8],
            &[54, 0, 0, 0, 40, 0, 0, 0],
            &edge,
            &edge,
            &[1, 0, 24, 0],
            &[0; 24],
        ]
        .concat()
    }

    #[test]
    fn a_picture_that_needs_too_much_memory_is_not_decoded() {
        assert!(is_picture(&promised(EDGE_MAX)));
        let refused = decode(&promised(EDGE_MAX)).unwrap_err();
        assert_eq!(refused, "it takes too much memory");
        assert!(!is_picture(&promised(EDGE_MAX + 1)));
    }

    #[test]
    fn a_large_cover_that_cannot_be_decoded_is_given_as_it_is() {
        // A GIF whose frame ends at once, which its decoder notices where it is asked.
        let promised = |edge: u16| {
            let edge = [edge.to_le_bytes(), edge.to_le_bytes()].concat();
            let frame = [&b",\0\0\0\0"[..], &edge, b"\0\x02\0;"].concat();
            let palette = b"\x80\0\0\0\0\0\xff\xff\xff";
            [&b"GIF89a"[..], &edge, palette, &frame].concat()
        };
        assert!(decode(&promised(4000)).is_err());
        assert_eq!(decode(&promised(4400)), Ok(Decoded::AsIs));
        assert_eq!(decode(&promised(7071)), Ok(Decoded::AsIs));
        let refused = decode(&promised(7072)).unwrap_err();
        assert_eq!(refused, "it takes too much memory");
    }

    #[test]
    fn all_sizes_are_made_of_the_same_pixels() {
        let mut png = Vec::new();
        let drawn = RgbImage::from_fn(3000, 1500, |x, _| image::Rgb([(x / 12) as u8, 0, 0]));
        drawn
            .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
            .unwrap();
        let Decoded::Pixels(picture) = decode(&png).unwrap() else {
            panic!("it is not large")
        };
        assert_eq!(
            (picture.width, picture.height, picture.is_whole),
            (2048, 1024, false)
        );
        for (edge, height) in [(2048, 1024), (600, 300), (64, 32)] {
            let artwork = picture.scaled(edge, &png).unwrap();
            assert_eq!(artwork.content_type, "image/jpeg");
            let made = image::load_from_memory(&artwork.bytes).unwrap();
            assert_eq!((made.width(), made.height()), (edge, height));
        }
        assert_eq!(picture.clone().checked(), Some(picture.clone()));
        let forged = Picture {
            height: 1025,
            ..picture
        };
        assert_eq!(forged.checked(), None);
    }
}
