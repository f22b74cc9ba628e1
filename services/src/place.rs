//! From an address to the place of a library's audio.

use kadenza_library::AudioPlace;

/// The place of audio that an address names: `file:///dir`, or `s3://bucket/prefix` with the feature
/// `objects`.
///
/// ```
/// use kadenza_services::{audio_place, library::AudioPlace};
///
/// let place = audio_place("file:///mnt/music")?;
/// assert!(matches!(place, AudioPlace::Directory(path) if path.as_os_str() == "/mnt/music"));
/// assert!(audio_place("music").is_err());
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
///
/// What would be right.
pub fn audio_place(address: &str) -> Result<AudioPlace, String> {
    if let Some(path) = address.strip_prefix("file://") {
        return match path.starts_with('/') {
            true => Ok(AudioPlace::Directory(path.into())),
            false => Err("a directory is named from the root, as in file:///mnt/music".into()),
        };
    }
    if address.starts_with("s3://") {
        return in_bucket(address);
    }
    Err("expected file:///DIR or s3://BUCKET/PREFIX; without it, audio is in --data".into())
}

#[cfg(feature = "objects")]
fn in_bucket(address: &str) -> Result<AudioPlace, String> {
    match kadenza_objects::AudioObjects::open(address) {
        Ok(objects) => Ok(AudioPlace::Store(std::sync::Arc::new(objects))),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(feature = "objects"))]
fn in_bucket(_: &str) -> Result<AudioPlace, String> {
    Err("this build knows no object store; build it with the feature `objects`".into())
}
