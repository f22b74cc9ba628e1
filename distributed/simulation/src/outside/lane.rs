//! What a message is about. Messages of one kind can be held back while all others pass: that the layout is told late
//! must do no harm, however quickly questions are answered.

use kadenza_distributed::Request;

/// What a message is about; its answer is about the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Who is there, and which layout is known.
    Layout,
    /// What is being stored.
    Storing,
    /// What somebody lacks.
    Repair,
    /// All other questions.
    Asking,
}

impl Lane {
    /// All of them.
    pub(crate) const ALL: [Lane; 4] = [Lane::Layout, Lane::Storing, Lane::Repair, Lane::Asking];

    /// What a request is about.
    pub(super) fn of(request: &Request) -> Lane {
        match request {
            Request::Ping | Request::Layout | Request::FindNode { .. } => Lane::Layout,
            Request::Store { .. }
            | Request::StoreChunk { .. }
            | Request::StoreCommit { .. }
            | Request::Cards => Lane::Storing,
            Request::Compare { .. } | Request::Offer { .. } => Lane::Repair,
            _ => Lane::Asking,
        }
    }
}
