//! The operations on accounts and tokens.

use utoipa::{
    PartialSchema,
    openapi::{
        Content, HttpMethod, PathItem, RefOr, Required, ResponseBuilder, Schema,
        path::{
            OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder,
            PathsBuilder,
        },
        request_body::RequestBodyBuilder,
    },
};

use super::{
    operations::operation,
    parts::{json, problem, shared, text, timed},
};
use crate::{
    FirstAdminJson, MadeTokenJson, MeJson, NewTokenJson, NewUserJson, PageJson, SignInJson,
    SignedInJson, TokenJson, UserChangeJson, UserJson, paths,
};

/// Adds the paths of accounts.
pub(super) fn add(paths: PathsBuilder) -> PathsBuilder {
    let me = operation("me", "Who asks").response("200", json("The caller", MeJson::schema()));
    let sign_in = operation("signIn", "Get a token for a name and a password").description(Some(
        "A session gets its token as a cookie alone; others get it here, and send it as \
             `Authorization: Bearer`. Tokens are never part of an address.",
    ));
    let sign_in = taking(sign_in, SignInJson::schema())
        .response("200", json("Signed in", SignedInJson::schema()))
        .response(
            "401",
            problem("The name or the password is wrong, or the account is disabled"),
        )
        .response("429", problem("Too many attempts failed: see Retry-After"));
    let sign_out = operation("signOut", "End the token in use").response("204", done());
    let first = operation(
        "firstAdmin",
        "Make the first administrator, with the code of the machine",
    );
    let first = taking(first, FirstAdminJson::schema())
        .response("201", json("The administrator", UserJson::schema()))
        .response(
            "401",
            problem("The code is wrong, or there is an administrator"),
        );
    paths
        .path(paths::ME, PathItem::new(HttpMethod::Get, finished(me)))
        .path(
            paths::SIGN_IN,
            PathItem::new(HttpMethod::Post, finished(sign_in)),
        )
        .path(
            paths::SIGN_OUT,
            PathItem::new(HttpMethod::Post, finished(sign_out)),
        )
        .path(
            paths::FIRST_ADMIN,
            PathItem::new(HttpMethod::Post, finished(first)),
        )
        .path(paths::USERS, users())
        .path(paths::USER, user())
        .path(paths::TOKENS, tokens())
        .path(paths::TOKEN, token())
}

fn users() -> PathItem {
    let list = operation("users", "The accounts, for administrators")
        .response("200", json("All of them", PageJson::<UserJson>::schema()));
    let add = operation("addUser", "Add an account, for administrators");
    let add = taking(add, NewUserJson::schema())
        .response("201", json("The account", UserJson::schema()))
        .response("409", problem("There is one of this name"));
    PathItemBuilder::new()
        .operation(HttpMethod::Get, finished(list))
        .operation(HttpMethod::Post, finished(add))
        .build()
}

fn user() -> PathItem {
    let change = operation("changeUser", "Change an account, or the own password");
    let change = taking(change, UserChangeJson::schema())
        .response("200", json("The account", UserJson::schema()))
        .response("409", problem("It is the last administrator"));
    let delete = operation(
        "deleteUser",
        "Delete an account for ever, for administrators",
    )
    .response("204", done())
    .response("409", problem("It is the last administrator"));
    PathItemBuilder::new()
        .parameters(Some([id()]))
        .operation(HttpMethod::Patch, finished(change))
        .operation(HttpMethod::Delete, finished(delete))
        .build()
}

fn tokens() -> PathItem {
    let list = operation("tokens", "The own tokens").response(
        "200",
        json(
            "All that are good for something",
            PageJson::<TokenJson>::schema(),
        ),
    );
    let make = operation("makeToken", "Make a token for a program");
    let make = taking(make, NewTokenJson::schema()).response(
        "201",
        json("The token, with its secret", MadeTokenJson::schema()),
    );
    PathItemBuilder::new()
        .operation(HttpMethod::Get, finished(list))
        .operation(HttpMethod::Post, finished(make))
        .build()
}

fn token() -> PathItem {
    let revoke = operation("revokeToken", "Revoke an own token").response("204", done());
    PathItemBuilder::new()
        .parameters(Some([id()]))
        .operation(HttpMethod::Delete, finished(revoke))
        .build()
}

fn id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(text()))
        .build()
}

fn taking(operation: OperationBuilder, schema: RefOr<Schema>) -> OperationBuilder {
    let body = RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", Content::new(Some(schema)))
        .build();
    operation
        .request_body(Some(body))
        .response("400", shared("Invalid"))
}

fn done() -> ResponseBuilder {
    timed("It is done")
}

fn finished(operation: OperationBuilder) -> OperationBuilder {
    operation.response("default", shared("Problem"))
}
