//! The accounts of servers, as a gateway in front of them asks: [`RemoteAccounts`].
//!
//! Nothing is decided here. Who has a token, and what its role is, a server says; a yes is believed for a moment
//! ([`known`]), a no and a failure never. Each request that changes something goes out with the caller's own
//! credential, so a server checks it again.

mod changes;
mod doors;
mod known;
mod remote;
mod words;

pub use remote::RemoteAccounts;
