//! What the fuzz targets call: all that reads files of strangers, in this process, and what another process says that
//! read one. For `integration-tests/fuzz` alone.

use std::{
    io::{self, Cursor},
    time::Instant,
};

use kadenza_contract::Stated;

use super::{
    OWN_TIME,
    found::Found,
    job::{Answer, Failure, Job, done},
    process::{Clock, ask},
    worker::Order,
};
use crate::tags::{self, Tagged};

/// Has each job done on a file that lies at this path with its uploader, and says in a few words what was found.
///
/// # Panics
///
/// If what was found is something else after it was written down for another process and read again.
pub fn read(file: &[u8], path: &str) -> String {
    let mut said = String::new();
    for job in [
        Job::Describe,
        Job::Bare,
        Job::Cover,
        Job::Lyrics,
        Job::Decode,
    ] {
        let answer = done(job, Cursor::new(file), Instant::now() + OWN_TIME);
        let stated = Stated {
            path: Some(path.to_owned()),
            ..Stated::default()
        };
        said.push_str(&match &answer {
            Ok(Answer::Tagged(tagged)) => in_short(tagged, &stated),
            Ok(Answer::Cover(cover)) => format!("{}", cover.is_some()),
            Ok(Answer::Lyrics(lyrics)) => format!("{}", lyrics.is_some()),
            Ok(Answer::Picture(_)) => "picture".to_owned(),
            Err(Failure::Refused(why)) => why.chars().filter(|c| !c.is_numeric()).collect(),
            Err(Failure::Bounds) => "bounds".to_owned(),
        });
        let (found, bytes) = written(answer);
        let again: Found = serde_json::from_slice(&found).expect("it was written here");
        let again = again.answer(bytes.clone()).expect("it was found here");
        assert!(
            written(again) == (found, bytes),
            "{job:?} found what another process cannot say"
        );
    }
    said
}

/// Hears this from a reader that has a file, and says in a word what came of it.
pub fn hear(said: &[u8], file: &[u8]) -> String {
    let order = Order {
        job: Job::Describe,
        len: file.len() as u64,
        own_ms: 1000,
        all_ms: 1000,
        is_quick: true,
    };
    let clock = Clock::default();
    let mut file = Cursor::new(file);
    let answer = ask(&mut io::sink(), &mut { said }, &order, &mut file, &clock);
    match answer {
        Ok(answer) => {
            let (found, _) = written(answer);
            let kind = found.iter().take_while(|byte| **byte != b':');
            String::from_utf8_lossy(&kind.copied().collect::<Vec<_>>()).into_owned()
        }
        Err(error) => error.kind().to_string(),
    }
}

fn written(answer: Result<Answer, Failure>) -> (Vec<u8>, Option<Vec<u8>>) {
    let (found, bytes) = Found::of(answer);
    (
        serde_json::to_vec(&found).expect("it has no keys but texts"),
        bytes,
    )
}

/// Which fields there are.
fn in_short(tagged: &Tagged, stated: &Stated) -> String {
    let is_named = tags::named(tagged, stated).map(|(_, from_path)| from_path);
    let has = [
        tagged.duration_ms.is_some(),
        tagged.bit_rate.is_some(),
        tagged.title.is_some(),
        tagged.album.is_some(),
        tagged.track.is_some(),
        tagged.disc.is_some(),
        tagged.year.is_some(),
        tagged.values.artists.is_empty(),
        tagged.values.genres.is_empty(),
        tagged.values.album_artists.is_empty(),
        tagged.values.is_compilation,
        tagged.picture.is_some(),
    ];
    format!("{:?}{has:?}{:?}", tagged.format, is_named.is_ok())
}
