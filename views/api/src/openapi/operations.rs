//! The operations: every path with its methods, parameters and answers.

use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        Content, HttpMethod, PathItem, RefOr, Required, ResponseBuilder, Schema,
        path::{
            OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder,
            PathsBuilder,
        },
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Type},
    },
};

use super::parts::{
    bare, bytes, constant, header, header_of, header_parameter, id, json, problem, schema, shared,
    text, timed, with_problem,
};
use crate::{
    ArtworkParameters, AudioParameters, BrowseParameters, FROM_PATH, ForgetParameters,
    ForgottenJson, GroupJson, HealthJson, LeftJson, OUTCOME, PageJson, SearchParameters, SongJson,
    UploadParameters, paths,
    schemas::{CopiesSchema, LyricsSchema, UrlSchema},
};

pub(super) fn paths() -> PathsBuilder {
    PathsBuilder::new()
        .path(paths::SONGS, songs())
        .path(paths::SONG, song())
        .path(paths::COPIES, copies())
        .path(paths::AUDIO, audio())
        .path(paths::ARTWORK, artwork())
        .path(paths::LYRICS, lyrics())
        .path(paths::ARTISTS, groups("artists", "The artists"))
        .path(paths::ALBUMS, groups("albums", "The albums"))
        .path(paths::GENRES, groups("genres", "The genres"))
        .path(paths::STATUS, status())
        .path(paths::SERVERS, servers())
        .path(paths::OPENAPI, document())
        .path(paths::LEAVE, leave())
        .path(paths::FORGET, forget())
        .path(paths::HEALTH, health())
        .path(paths::METRICS, metrics())
}

pub(super) fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
}

fn get(operation: OperationBuilder) -> PathItem {
    PathItem::new(HttpMethod::Get, operation)
}

fn query<P: IntoParams>() -> Vec<Parameter> {
    P::into_params(|| Some(ParameterIn::Query))
}

/// Said of every list that is spread over machines.
const MAY_BE_PARTIAL: &str = "A page that may lack something, because machines that may know more do not answer, has \
     `partial` and is not to be stored. Where nobody answers who should know, the answer is 503.";

/// Said where one address may ask only so often.
const TOO_OFTEN: &str = "This address asks too often: see Retry-After";

fn songs() -> PathItem {
    let search = operation("search", "Search for songs")
        .description(Some(MAY_BE_PARTIAL))
        .parameters(Some(query::<SearchParameters>()))
        .response(
            "200",
            json("A page of songs", PageJson::<SongJson<'_>>::schema()),
        )
        .response("400", shared("Invalid"))
        .response("default", shared("Problem"));
    PathItemBuilder::new()
        .operation(HttpMethod::Get, search)
        .operation(HttpMethod::Post, upload())
        .build()
}

fn upload() -> OperationBuilder {
    let audio = RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("audio/*", bytes())
        .content("application/octet-stream", bytes())
        .build();
    let song = |description| {
        json(description, schema("Song"))
            .header("Location", header())
            .header(
                OUTCOME,
                header_of("`added`, `recording-added` or `already-there`."),
            )
            .header(
                FROM_PATH,
                header_of("The names that were taken from the path: title, artist, album."),
            )
    };
    operation("upload", "Add a song")
        .description(Some(
            "The body is the audio file itself, with or without Content-Length. What the query states wins \
             over the file's tags. Other audio of a song that is there is added as another recording of it; \
             audio that the song has already is left as it is. Repeating an upload is safe.",
        ))
        .parameters(Some(query::<UploadParameters>()))
        .request_body(Some(audio))
        .response("200", song("This audio of the song was there already"))
        .response(
            "201",
            song("The song was added, or this audio as another recording of it"),
        )
        .response("400", problem("The body broke off, or the query is malformed"))
        .response("403", problem("A page of another site sent the request"))
        .response("408", problem("The body came too slowly"))
        .response("409", problem("The song has too many recordings"))
        .response("413", problem("The file is larger than this server takes"))
        .response("415", problem("The body is not a usable audio file"))
        .response("422", problem("Neither the file nor the query gives a title"))
        .response("429", problem(TOO_OFTEN))
        .response("507", problem("There is no room left"))
        .response("default", shared("Problem"))
}

fn song() -> PathItem {
    let song = operation("song", "One song")
        .response("200", json("The song", schema("Song")))
        .response("404", shared("NotFound"))
        .response("default", shared("Problem"));
    PathItemBuilder::new()
        .parameter_refs(Some([id()]))
        .operation(HttpMethod::Get, song)
        .build()
}

fn copies() -> PathItem {
    let copies = operation("copies", "The copies of a song")
        .description(Some(
            "On how many machines within reach each recording is, counted now, and on how many an upload of \
             it must be before it is acknowledged.",
        ))
        .response("200", json("The copies", CopiesSchema::schema()))
        .response("404", shared("NotFound"))
        .response("default", shared("Problem"));
    PathItemBuilder::new()
        .parameter_refs(Some([id()]))
        .operation(HttpMethod::Get, copies)
        .build()
}

fn lyrics() -> PathItem {
    let lyrics = operation("lyrics", "The lyrics of a song")
        .description(Some(
            "As a text, and line by line where the file has times, as in the format LRC.",
        ))
        .response("200", json("The lyrics", LyricsSchema::schema()))
        .response("404", shared("NotFound"))
        .response("default", shared("Problem"));
    PathItemBuilder::new()
        .parameter_refs(Some([id()]))
        .operation(HttpMethod::Get, lyrics)
        .build()
}

fn audio() -> PathItem {
    let range = |name, description: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .description(Some(description))
            .schema(Some(text()))
            .build()
    };
    let part = audio_headers(timed("The range, or several as multipart/byteranges"));
    let unsatisfiable = problem("The range begins behind the end")
        .header("Content-Range", header_of("bytes */SIZE"));
    let get = operation("audio", "The audio")
        .parameter(range(
            "Range",
            "One or several ranges of bytes, at most 16; GET only.",
        ))
        .parameter(range(
            "If-Range",
            "The ETag or date for which the range is wanted.",
        ))
        .response(
            "200",
            audio_headers(timed("All of it")).content("audio/*", bytes()),
        )
        .response(
            "206",
            part.header("Content-Range", header())
                .content("audio/*", bytes())
                .content("multipart/byteranges", bytes()),
        )
        .response("304", bare("The client has it already"))
        .response("400", shared("Invalid"))
        .response("404", shared("NotFound"))
        .response(
            "412",
            problem("The audio is not the one that the condition names"),
        )
        .response("416", unsatisfiable)
        .response("default", shared("Problem"));
    // A problem has its headers here too, but `HEAD` has no bodies.
    let head = operation("audioHead", "The headers of the whole audio")
        .response("200", audio_headers(timed("As for GET without a range")))
        .response("304", bare("The client has it already"))
        .response("400", bare("The query is malformed"))
        .response("404", bare("There is no such song or recording"))
        .response(
            "412",
            bare("The audio is not the one that the condition names"),
        )
        .response("default", bare("What went wrong for GET"));
    let mut parameters = query::<AudioParameters>();
    parameters.extend(
        [
            "If-Match",
            "If-None-Match",
            "If-Modified-Since",
            "If-Unmodified-Since",
        ]
        .map(header_parameter),
    );
    let mut item = PathItemBuilder::new()
        .parameters(Some(parameters))
        .operation(HttpMethod::Get, get)
        .operation(HttpMethod::Head, head)
        .build();
    let parameters = item.parameters.get_or_insert_default();
    parameters.insert(0, RefOr::Ref(id()));
    item
}

fn audio_headers(response: ResponseBuilder) -> ResponseBuilder {
    response
        .header("ETag", header_of("The content hash in quotes; strong."))
        .header("Last-Modified", header())
        .header(
            "Accept-Ranges",
            utoipa::openapi::Header::new(constant("bytes")),
        )
        .header("Content-Disposition", header())
        .header("Cache-Control", header())
}

fn artwork() -> PathItem {
    let mut parameters = query::<ArtworkParameters>();
    parameters.push(header_parameter("If-None-Match"));
    let picture = timed("The picture")
        .header("ETag", header())
        .header("Cache-Control", header())
        .content("image/*", bytes());
    let get = operation("artwork", "The cover")
        .parameters(Some(parameters))
        .response("200", picture)
        .response("304", bare("The client has it already"))
        .response("400", shared("Invalid"))
        .response("404", shared("NotFound"))
        .response(
            "412",
            problem("The cover is not the one that the condition names"),
        )
        .response("429", problem(TOO_OFTEN))
        .response("default", shared("Problem"));
    PathItemBuilder::new()
        .parameter_refs(Some([id()]))
        .operation(HttpMethod::Get, get)
        .build()
}

fn groups(id: &str, description: &str) -> PathItem {
    get(operation(id, description)
        .description(Some(MAY_BE_PARTIAL))
        .parameters(Some(query::<BrowseParameters>()))
        .response(
            "200",
            json(description, PageJson::<GroupJson<'_>>::schema()),
        )
        .response("400", shared("Invalid"))
        .response("default", shared("Problem")))
}

fn status() -> PathItem {
    get(
        operation("status", "How this server and the machines behind it are")
            .description(Some("As of two seconds ago at most, with all that was uploaded through this server since."))
            .response("200", json("The status", schema("Status")))
            .response("429", problem(TOO_OFTEN))
            .response("default", shared("Problem")),
    )
}

fn servers() -> PathItem {
    let summary = "Base URLs at which the same library is offered, the best known first";
    get(operation("servers", summary)
        .response(
            "200",
            json(
                "All that are known, on one page",
                PageJson::<UrlSchema>::schema(),
            ),
        )
        .response("default", shared("Problem")))
}

fn document() -> PathItem {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    get(operation("openapi", "This document")
        .response("200", json("An OpenAPI 3.1 document", object)))
}

fn leave() -> PathItem {
    let leave = operation("leave", "Tell a node to leave its network")
        .description(Some(
            "The node hands its share on to the others, answers, and stops. Asking again while it is leaving \
             gives the same answer. A node that could not hand its share on stays, and may be told again.",
        ))
        .response("200", answered("The node has left", LeftJson::schema()))
        .response("403", told("A web page sent the request"))
        .response("409", told("This server is not a node of a network"))
        .response("default", told("What went wrong; the node stays"));
    PathItem::new(HttpMethod::Post, leave)
}

fn forget() -> PathItem {
    let forget = operation("forget", "Give up a node that is gone for good")
        .description(Some(
            "A node that is down counts as a member for however long, so that a minority never takes itself for \
             the whole. This node and those within its reach count on the named one no longer. Should it come back, \
             it joins anew and hands over what it has.",
        ))
        .parameters(Some(query::<ForgetParameters>()))
        .response("200", answered("It is forgotten", ForgottenJson::schema()))
        .response("400", told("It is no member, or it is up: tell it to leave"))
        .response("403", told("A web page sent the request"))
        .response("409", told("This server is not a node of a network"))
        .response("default", told("What went wrong; nothing changed"));
    PathItem::new(HttpMethod::Post, forget)
}

/// An answer of the process around the interface, which does not measure its time.
fn answered(description: &str, schema: RefOr<Schema>) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .content("application/json", Content::new(Some(schema)))
}

fn told(description: &str) -> ResponseBuilder {
    with_problem(ResponseBuilder::new().description(description))
}

fn health() -> PathItem {
    get(
        operation("health", "Whether this server answers and wants requests")
            .response("200", json("It does", HealthJson::schema()))
            .response("503", problem("It is starting or stopping")),
    )
}

fn metrics() -> PathItem {
    let counters = timed("The counters").content("text/plain", Content::new(Some(text())));
    get(operation("metrics", "Counters in the text format of Prometheus").response("200", counters))
}
