//! The HTTP language of Kadenza, version 1: paths, parameters of queries, JSON, problem documents
//! and headers.
//!
//! Every type is written by the server and read by the client, so that the two cannot drift apart.
//! A value that is read is not believed: it is parsed into the types of the contract, which check it.
//!
//! This crate does no I/O. It knows neither a server nor a client, only what they say to each other.

mod accounts;
pub mod cache_status;
mod details;
pub mod openapi;
pub mod paths;
pub mod server_timing;

mod fields;
mod group;
mod outcome;
mod page;
mod parameters;
mod problem;
mod read;
mod schemas;
mod server;
mod song;

pub use accounts::{
    FirstAdminJson, KindJson, MadeTokenJson, MeJson, NewTokenJson, NewUserJson, RoleJson,
    SignInJson, SignedInJson, TokenJson, UserChangeJson, UserJson, is_session_cookie,
    session_cookie,
};
pub use group::GroupJson;
pub use outcome::{FROM_PATH, OUTCOME};
pub use page::PageJson;
pub use parameters::{
    ArtworkParameters, AudioParameters, BrowseParameters, ForgetParameters, SearchParameters,
    UploadParameters,
};
pub use problem::{MEDIA_TYPE as PROBLEM_MEDIA_TYPE, Problem, code};
pub use read::{Unreadable, read};
pub use server::{ForgottenJson, HealthJson, LeftJson, StatusJson, StorageHealth};
pub use song::{RecordingJson, SongJson};
