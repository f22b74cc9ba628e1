//! Audio in an object store that is a directory. The same over a server of S3 is in the integration
//! tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs::File, io::Write};

use futures_util::TryStreamExt;
use kadenza_contract::{ContentHash, Error};
use kadenza_objects::{AudioObjects, AudioStore};

fn audio(size: usize, salt: u8) -> (ContentHash, File) {
    let bytes: Vec<u8> = (0..size).map(|n| (n * 7 + n / 251) as u8 ^ salt).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    (ContentHash::of(&bytes), file)
}

#[tokio::test]
async fn what_is_put_is_read_listed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let address = format!("file://{}/deep/audio", directory.path().display());
    let objects = AudioObjects::open(&address).unwrap();
    objects.check().await.unwrap();
    // One in a piece, one in parts, and one without a byte.
    for size in [70_000, (20 << 20) + 1, 0] {
        let (content, file) = audio(size, 1);
        assert_eq!(objects.size(&content).await.unwrap(), None);
        assert_eq!(objects.read(&content, 0..10).await.unwrap(), None);
        for _ in 0..2 {
            objects.put(&content, &file, size as u64).await.unwrap();
        }
        assert_eq!(objects.size(&content).await.unwrap(), Some(size as u64));
        let listed: Vec<_> = objects.list().try_collect().await.unwrap();
        assert_eq!(listed, [(content, size as u64)]);
        let whole = objects.read(&content, 0..size.min(16 << 20) as u64).await;
        assert_eq!(whole.unwrap().unwrap().len(), size.min(16 << 20));
        if size > 1000 {
            let end = size as u64;
            let some = objects.read(&content, end - 3..end).await.unwrap().unwrap();
            let all = (size - 3..size).map(|n| (n * 7 + n / 251) as u8 ^ 1);
            assert_eq!(some, all.collect::<Vec<_>>());
            let behind = objects.read(&content, end - 3..end + 3).await;
            assert!(matches!(behind, Err(Error::Damaged { .. })), "{behind:?}");
        }
        objects.remove(&content).await.unwrap();
        objects.remove(&content).await.unwrap();
        assert_eq!(objects.size(&content).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_place_belongs_to_one_library() {
    let directory = tempfile::tempdir().unwrap();
    let address = format!("file://{}", directory.path().display());
    let objects = AudioObjects::open(&address).unwrap();
    assert_eq!(objects.owner().await.unwrap(), None);
    assert!(objects.claim("first").await.unwrap());
    assert_eq!(objects.owner().await.unwrap().as_deref(), Some("first"));
    assert!(!objects.claim("first").await.unwrap());
    let refused = objects.claim("second").await.unwrap_err().chain();
    assert!(refused.contains("another prefix"), "{refused}");
    let listed: Vec<_> = objects.list().try_collect().await.unwrap();
    assert_eq!(listed, []);
}

/// A file that cannot be read is no trouble of the store, whose other files can be.
#[tokio::test]
async fn a_file_that_cannot_be_read_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let address = format!("file://{}", directory.path().display());
    let objects = AudioObjects::open(&address).unwrap();
    let (content, file) = audio(70_000, 1);
    objects.put(&content, &file, 70_000).await.unwrap();
    let name = content.to_string();
    let path = directory.path().join(&name[..2]).join(&name[2..]);
    // Also whoever may read all files cannot read this one.
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let read = objects.read(&content, 0..10).await;
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    let size = objects.size(&content).await;
    assert!(matches!(size, Err(Error::Damaged { .. })), "{size:?}");
}

#[test]
fn addresses_that_make_no_sense_are_refused_with_advice() {
    for (address, advice) in [
        ("/var/audio", "file:///dir"),
        ("file://relative/dir", "file:///dir"),
        ("http://somewhere/", "s3://bucket/prefix"),
        ("s3://", "name a bucket"),
        ("s3://key:secret@bucket", "AWS_"),
        ("s3://bucket/a//b", "prefix"),
    ] {
        let refused = AudioObjects::open(address).unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{refused:?}");
        assert!(refused.to_string().contains(advice), "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
