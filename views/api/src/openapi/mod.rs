//! The description of this interface, in OpenAPI 3.1, made of the types that are sent.

mod accounts;
mod operations;
mod parts;

use std::sync::LazyLock;

use utoipa::openapi::{Info, License, OpenApi, OpenApiBuilder, Server};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let document = build().to_json();
    document.expect("texts and numbers are always JSON")
});

/// The document, as JSON.
#[must_use]
pub fn document() -> &'static str {
    &DOCUMENT
}

fn build() -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let mut info = Info::new("Kadenza", env!("CARGO_PKG_VERSION"));
    info.license = Some(license);
    info.description = Some(
        "A music library: upload, search, listen. Lists take `limit` and `cursor`; errors are RFC 9457 \
         problem documents with a stable `type`; every answer has `Server-Timing`, and one that went \
         through a cache has `Cache-Status` (RFC 9211). `HEAD` is answered wherever `GET` is."
            .to_owned(),
    );
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .paths(accounts::add(operations::paths()).build())
        .components(Some(parts::components()))
        .build()
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{LIMIT_DEFAULT, LIMIT_MAX, PIXELS_MAX};
    use serde_json::{Value, json};

    use crate::paths;

    fn document() -> Value {
        serde_json::from_str(super::document()).unwrap()
    }

    /// Looks at all values of the document, and where they are.
    fn each(value: &Value, at: &str, look: &impl Fn(&Value, &str)) {
        look(value, at);
        match value {
            Value::Object(members) => members
                .iter()
                .for_each(|(name, member)| each(member, &format!("{at}/{name}"), look)),
            Value::Array(items) => items.iter().for_each(|item| each(item, at, look)),
            _ => {}
        }
    }

    fn referred<'a>(root: &'a Value, reference: &Value) -> &'a Value {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        let found = root.pointer(pointer);
        found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        each(&document, "", &|value, _at| {
            if let Some(reference) = value.get("$ref") {
                referred(&document, reference);
            }
        });
    }

    #[test]
    fn what_is_joined_is_of_one_type() {
        let document = document();
        each(&document, "", &|value, at| {
            let Some(joined) = value["allOf"].as_array() else {
                return;
            };
            let types = joined.iter().map(|one| match one.get("$ref") {
                Some(reference) => &referred(&document, reference)["type"],
                None => &one["type"],
            });
            let types: Vec<_> = types.filter(|one| !one.is_null()).collect();
            assert!(types.iter().all(|one| *one == types[0]), "{at}: {types:?}");
        });
    }

    #[test]
    fn the_document_has_the_version_of_the_program() {
        assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document()["openapi"], "3.1.0");
    }

    #[test]
    fn the_bounds_of_numbers_are_those_of_the_contract() {
        let document = document();
        let schema = |path: &str, name: &str| {
            let parameters = document["paths"][path]["get"]["parameters"].as_array();
            let mut parameters = parameters.unwrap().iter();
            let found = parameters.find(|parameter| parameter["name"] == name);
            found.unwrap()["schema"].clone()
        };
        for list in [paths::SONGS, paths::ARTISTS, paths::ALBUMS, paths::GENRES] {
            let limit = schema(list, "limit");
            let bounds = json!([1, LIMIT_MAX, LIMIT_DEFAULT]);
            let told = json!([limit["minimum"], limit["maximum"], limit["default"]]);
            assert_eq!(told, bounds, "of {list}");
        }
        let size = schema(paths::ARTWORK, "size");
        assert_eq!(size["minimum"], 1);
        assert_eq!(size["maximum"], PIXELS_MAX);
    }
}
