//! The parts that several operations share: headers, answers, problems.

use utoipa::{
    PartialSchema,
    openapi::{
        Components, ComponentsBuilder, Content, Header, Ref, RefOr, Response, ResponseBuilder,
        Schema,
        header::HeaderBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, SchemaType, Type},
    },
};

use crate::{
    GroupJson, KindJson, PROBLEM_MEDIA_TYPE, Problem, RecordingJson, RoleJson, SongJson, TokenJson,
    UserJson,
    details::DetailsJson,
    schemas::{HashSchema, StatusSchema, UrlSchema},
};

const JSON: &str = "application/json";

pub(super) fn components() -> Components {
    let timing = HeaderBuilder::new()
        .schema(Some(text()))
        .description(Some(
            "`total` is the time until the head of the answer, `service` the part of it that the music \
             service took, in milliseconds. Of that, `cache` is the look into a cache, `below` all that \
             is below the cache, and `server` what another server took.",
        ))
        .build();
    let id = ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(utoipa::openapi::Required::True)
        .description(Some("The id of a song."))
        .schema(Some(schema("Hash")))
        .build();
    let mut components = ComponentsBuilder::new()
        .schema("Hash", HashSchema::schema())
        .schema("Url", UrlSchema::schema())
        .schema("Recording", RecordingJson::schema())
        .schema("Details", DetailsJson::schema())
        .schema("Song", SongJson::schema())
        .schema("Group", GroupJson::schema())
        .schema("User", UserJson::schema())
        .schema("Token", TokenJson::schema())
        .schema("Role", RoleJson::schema())
        .schema("TokenKind", KindJson::schema())
        .schema("Status", StatusSchema::schema())
        .schema("Problem", Problem::schema())
        .response("Problem", problem("What went wrong"))
        .response("Invalid", problem("The request is malformed"))
        .response(
            "NotFound",
            problem("There is no such song, recording or cover"),
        )
        .build();
    components
        .headers
        .insert("ServerTiming".to_owned(), RefOr::T(timing));
    components.parameters.insert("Id".to_owned(), RefOr::T(id));
    components
}

/// A reference to a schema of the components.
pub(super) fn schema(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// A reference to an answer of the components.
pub(super) fn shared(name: &str) -> RefOr<Response> {
    Ref::from_response_name(name).into()
}

/// The parameter `{id}` of a path.
pub(super) fn id() -> Ref {
    Ref::new("#/components/parameters/Id")
}

/// Any text.
pub(super) fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// One certain text.
pub(super) fn constant(text: &str) -> Schema {
    let text = ObjectBuilder::new().enum_values(Some([text]));
    text.schema_type(Type::String).into()
}

/// Bytes, of which nothing more is said.
pub(super) fn bytes() -> Content {
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    Content::new(Some(any))
}

/// A header that is a text.
pub(super) fn header() -> Header {
    Header::new(text())
}

/// A header that is a text, with its meaning.
pub(super) fn header_of(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(text()))
        .description(Some(description))
        .build()
}

/// A parameter that is a header of the request.
pub(super) fn header_parameter(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .schema(Some(text()))
        .build()
}

/// An answer with its time.
pub(super) fn timed(description: &str) -> ResponseBuilder {
    let timing = Ref::new("#/components/headers/ServerTiming");
    ResponseBuilder::new()
        .description(description)
        .header_ref("Server-Timing", timing)
}

/// An answer in JSON.
pub(super) fn json(description: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    timed(description).content(JSON, Content::new(Some(schema)))
}

/// An answer that is a problem document.
pub(super) fn problem(description: &str) -> ResponseBuilder {
    with_problem(timed(description))
}

/// Adds a problem document to an answer.
pub(super) fn with_problem(response: ResponseBuilder) -> ResponseBuilder {
    response.content(PROBLEM_MEDIA_TYPE, Content::new(Some(schema("Problem"))))
}

/// An answer without a body that needs no more words than its status.
pub(super) fn bare(description: &str) -> Response {
    Response::new(description)
}
