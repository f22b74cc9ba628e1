//! How much audio a node can hold.

use std::path::Path;

use kadenza_services::library::AudioPlace;

/// The size of the file system with the audio, in bytes; none if it is not known, as in an object store. The nearest
/// power of two: what the machines of a network have in common must not differ by a few blocks.
pub(super) fn of_disk(data: &Path, audio: &AudioPlace) -> Option<u64> {
    let directory = match audio {
        AudioPlace::Data => data,
        AudioPlace::Directory(directory) => directory,
        AudioPlace::Store(_) => return None,
    };
    // Of a directory that is yet to be made, the one in which it will be.
    let existing = directory.ancestors().find(|one| one.exists());
    let room = rustix::fs::statvfs(existing.unwrap_or(Path::new("."))).ok()?;
    let bytes = room.f_blocks.checked_mul(room.f_frsize)?;
    (bytes > 0).then(|| rounded(bytes))
}

fn rounded(bytes: u64) -> u64 {
    // As many binary digits as one and a half times as much has, less one.
    let digits = (bytes / 2).saturating_add(bytes).ilog2();
    1 << digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_are_rounded_to_powers_of_two() {
        for (bytes, to) in [
            (1, 1),
            (3, 4),
            (5, 4),
            (6, 8),
            (1 << 40, 1 << 40),
            (u64::MAX, 1 << 63),
        ] {
            assert_eq!(rounded(bytes), to, "{bytes}");
        }
        let near = [230_u64 << 30, 256 << 30, 300 << 30];
        assert!(near.iter().all(|bytes| rounded(*bytes) == 256 << 30));
    }

    #[test]
    fn a_directory_that_is_yet_to_be_made_is_on_a_disk() {
        let here = of_disk(Path::new("."), &AudioPlace::Data);
        assert!(here.is_some_and(|bytes| bytes >= 1 << 20), "{here:?}");
        let inside = of_disk(Path::new("./yet/to/be/made"), &AudioPlace::Data);
        assert_eq!(here, inside);
    }
}
