//! Questions that are asked of a service directly, without HTTP, and a hash by which answers are
//! compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use kadenza_contract::{MusicService, Query, SongId};

use crate::{
    error::EvaluateError,
    questions::{About, Question},
};

/// Asks a question as the views do; gives the ids of the answer.
pub(super) async fn ask_below(
    service: &dyn MusicService,
    question: &Question,
) -> Result<Vec<SongId>, EvaluateError> {
    match &question.about {
        About::Song(id) => {
            let song = service.song(id).await?;
            Ok(song.map(|song| song.id()).into_iter().collect())
        }
        About::Words(words) => {
            let page = service.search(&Query::words(words)?).await?;
            Ok(page.items.iter().map(|song| song.id()).collect())
        }
    }
}

/// Ids in their order, as one number.
pub(super) fn hash_of(ids: impl Iterator<Item = impl AsRef<str>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for id in ids {
        id.as_ref().hash(&mut hasher);
    }
    hasher.finish()
}
