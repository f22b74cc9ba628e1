//! Audio in the store that is missing, or not what was uploaded: noted for all servers, until it is whole
//! again.
//!
//! Damage is found by whoever reads: a listener, an upload of the same file, and the scrub. It is healed by
//! an upload, and where the scrub finds the audio whole again. What was read before an upload put the audio
//! anew says nothing of it, so that damage is noted of audio that was healed as often as before the reading.

mod noting;
mod scrub;
mod watched;

pub(crate) use noting::{heal, whole};
pub(crate) use scrub::scrubbed;
pub(crate) use watched::WatchedAudio;
