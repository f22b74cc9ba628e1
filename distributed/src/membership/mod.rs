//! The layout of the network, kept on disk, and brought into agreement with the other members.

mod agreeing;
mod departures;
mod hearing;
mod kept;
mod members;

pub(crate) use members::Members;
