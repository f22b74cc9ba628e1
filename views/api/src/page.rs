//! Pages of lists as JSON.

use kadenza_contract::{Cursor, Page, Partial};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Unreadable, schemas::PartialPageSchema};

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PageJson<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last.
    #[schema(value_type = Option<String>, required = true)]
    next: Option<Cursor>,
    /// Which machines did not answer, where the page may lack something for that; absent where it lacks nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = PartialPageSchema, required = false)]
    partial: Option<Partial>,
}

impl<T> PageJson<T> {
    /// The JSON of a page.
    pub fn new<'a, U>(page: &'a Page<U>, item: impl Fn(&'a U) -> T) -> PageJson<T> {
        PageJson {
            items: page.items.iter().map(item).collect(),
            next: page.next.clone(),
            partial: page.partial.clone(),
        }
    }

    /// A whole list on one page.
    #[must_use]
    pub fn of_all(items: Vec<T>) -> PageJson<T> {
        PageJson {
            items,
            next: None,
            partial: None,
        }
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
            partial: self.partial,
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

    #[test]
    fn a_whole_page_says_nothing_and_a_partial_one_who_is_missing() {
        let written = |page: &Page<u8>| serde_json::to_string(&PageJson::new(page, |item| *item));
        let mut page = Page::whole(vec![1], None);
        assert_eq!(written(&page).unwrap(), r#"{"items":[1],"next":null}"#);
        page.partial = Some(Partial::new(["10.0.0.1:4534".to_owned()]));
        let text = written(&page).unwrap();
        assert_eq!(
            text,
            r#"{"items":[1],"next":null,"partial":{"missing":["10.0.0.1:4534"]}}"#
        );
        let told = read::<PageJson<u8>>(text.as_bytes()).unwrap();
        assert_eq!(told.parse(1, Ok).unwrap(), page);
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_parser_of_pages(body in "\\PC{0,200}|[\\[\\]{}\",:0-9a-z]{0,200}") {
            let _ = read::<PageJson<GroupJson<'_>>>(body.as_bytes());
        }
    }
}
