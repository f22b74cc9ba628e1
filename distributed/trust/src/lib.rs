//! Who belongs to a cluster: statements that keys have signed, and nothing else. No clock, socket, disk or chance: time
//! and randomness come in as arguments.
//!
//! A cluster begins with a [`ClusterKey`]. A node belongs to it as long as it shows a [`Chain`] of [`Record`]s: its own,
//! signed by a node that may invite, and so on up to one that the cluster key signed. An [`Invitation`] lets one node ask
//! for its first record. A [`Revocation`], signed by the cluster key, shuts a node out for good; those that are known are
//! a set that only grows ([`Revocations`]).
//!
//! From: Ellison and others, "SPKI certificate theory", RFC 2693: records name keys, and the right to issue more is
//! handed on.

mod authority;
mod chain;
mod invitation;
mod record;
mod revocation;
mod signed;

pub use authority::{ClusterId, ClusterKey};
pub use chain::{CHAIN_MAX, Chain, Member, Refused};
pub use invitation::{INVITATION_LASTS, Invitation, InvitationId, NoInvitation, Proof};
pub use record::{NAME_CHARS_MAX, RECORD_LASTS, Record, Seconds, Step, Subject, WAY_MAX};
pub use revocation::{REVOCATIONS_BYTES_MAX, Revocation, Revocations};
pub use signed::Signed;
