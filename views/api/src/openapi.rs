//! The description of this interface, in OpenAPI 3.1.

/// The document, as JSON.
pub const DOCUMENT: &str = include_str!("openapi.json");
