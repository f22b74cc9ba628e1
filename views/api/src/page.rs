//! Pages of lists as JSON.

use kadenza_contract::{Cursor, Page};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Unreadable;

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PageJson<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last.
    #[schema(value_type = Option<String>, required = true)]
    next: Option<Cursor>,
}

impl<T> PageJson<T> {
    /// The JSON of a page.
    pub fn new<'a, U>(page: &'a Page<U>, item: impl Fn(&'a U) -> T) -> PageJson<T> {
        PageJson {
            items: page.items.iter().map(item).collect(),
            next: page.next.clone(),
        }
    }

    /// A whole list on one page.
    #[must_use]
    pub fn of_all(items: Vec<T>) -> PageJson<T> {
        PageJson { items, next: None }
    }

    /// The page that this JSON tells of.
    ///
    /// # Errors
    ///
    /// It has more than `items_max` items, or one of them cannot be read.
    pub fn parse<U>(
        self,
        items_max: usize,
        item: impl Fn(T) -> Result<U, Unreadable>,
    ) -> Result<Page<U>, Unreadable> {
        if self.items.len() > items_max {
            return Err(format!(
                "{} items on a page of {items_max}",
                self.items.len()
            ));
        }
        let items: Result<Vec<U>, _> = self.items.into_iter().map(item).collect();
        Ok(Page {
            items: items?,
            next: self.next,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{GroupJson, read};

    #[test]
    fn a_page_that_is_too_long_is_refused() {
        let page = || read::<PageJson<u8>>(br#"{"items":[1,2,3],"next":null}"#).unwrap();
        assert_eq!(page().parse(3, Ok).unwrap().items, [1, 2, 3]);
        assert!(page().parse(2, Ok).is_err());
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_parser_of_pages(body in "\\PC{0,200}|[\\[\\]{}\",:0-9a-z]{0,200}") {
            let _ = read::<PageJson<GroupJson<'_>>>(body.as_bytes());
        }
    }
}
