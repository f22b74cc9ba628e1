//! A server as a node among others, and what is left of that in a build without the distributed
//! layer.

#[cfg(feature = "distributed")]
mod capacity;
#[cfg(feature = "distributed")]
mod flags;
#[cfg(feature = "distributed")]
mod introductions;
#[cfg(feature = "distributed")]
mod invited;
#[cfg(not(feature = "distributed"))]
mod left_out;
mod membership;
#[cfg(feature = "distributed")]
mod node;
mod served_base;

#[cfg(feature = "distributed")]
pub(super) use flags::NetworkFlags;
#[cfg(not(feature = "distributed"))]
pub(super) use left_out::NetworkFlags;
pub(super) use membership::Membership;
#[cfg(feature = "distributed")]
pub(super) use node::start;
