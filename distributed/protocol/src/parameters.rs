//! The parameters of Kademlia that several machines share.

/// How many nodes a bucket holds, an answer carries and a full lookup finds: the paper's k.
pub const K: usize = 20;

/// How many nodes a lookup asks at once while it comes closer: the paper's alpha.
pub const ALPHA: usize = 3;

/// How many nodes a lookup asks at once when it comes no closer, or when peers are late or gone.
pub const ALPHA_STALLED: usize = 6;

/// Over how many paths that share no node a lookup goes: S/Kademlia's d.
pub const PATHS: usize = 4;
