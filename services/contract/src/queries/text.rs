//! The words that are searched for.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, search_words,
    words::{Wanted, wanted},
};

/// The longest text that may be searched for, in bytes: the longest title, artist and album.
const TEXT_BYTES_MAX: usize = 3 * crate::TEXT_BYTES_MAX;
/// How many different things of a text are looked for; further ones do not narrow the search.
const WANTED_MAX: usize = 64;

/// The words to search for, folded.
///
/// Every word must be found in the title, the artists, the album, its artists, the composers or the year, whole
/// or as the beginning of a word; in any of the spellings that [`search_forms`](crate::search_forms) gives. A text of nothing but
/// symbols looks for those symbols; beside words, symbols are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueryText {
    text: String,
    words: Vec<String>,
    required: Vec<Wanted>,
}

impl QueryText {
    /// The words of a text as a person typed it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the text is longer than any song's name could be.
    pub fn new(text: &str) -> Result<QueryText> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::Invalid {
                what: format!("a search takes at most {TEXT_BYTES_MAX} bytes of text"),
            });
        }
        let mut words = search_words(text);
        if words
            .iter()
            .any(|word| word.starts_with(char::is_alphanumeric))
        {
            words.retain(|word| word.starts_with(char::is_alphanumeric));
        }
        let mut required: Vec<Wanted> = Vec::new();
        for wanted in wanted(text) {
            let is_known = |known: &Wanted| known.spellings() == wanted.spellings();
            if required.len() < WANTED_MAX && !required.iter().any(is_known) {
                required.push(wanted);
            }
        }
        Ok(QueryText {
            text: text.to_owned(),
            words,
            required,
        })
    }

    /// The text as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The folded words in the order in which they were typed. Empty if nothing was typed that
    /// could be looked for; such a text fits no song.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The different things that a song must have, at most 64.
    #[must_use]
    pub fn required(&self) -> &[Wanted] {
        &self.required
    }

    /// What the last word looks for; the last of it where it is several things. `None` if it is not
    /// looked for, since so much else is.
    #[must_use]
    pub fn last(&self) -> Option<&Wanted> {
        let all = wanted(&self.text);
        let last = all.last()?;
        let mut known = self.required.iter();
        known.find(|known| known.spellings() == last.spellings())
    }

    /// Whether the last word is one thing to look for, as nearly every word is. `l'été` is two: either
    /// part may be found, and either as a beginning.
    #[must_use]
    pub fn is_last_one(&self) -> bool {
        let all = wanted(&self.text);
        let Some(last) = all.last() else { return true };
        all.iter().filter(|other| other.word == last.word).count() == 1
    }
}

impl TryFrom<String> for QueryText {
    type Error = Error;
    fn try_from(text: String) -> Result<QueryText> {
        QueryText::new(&text)
    }
}

impl From<QueryText> for String {
    fn from(text: QueryText) -> String {
        text.text
    }
}
