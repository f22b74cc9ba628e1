//! What an older program wrote is made anew: words before the library answers, descriptions behind it.

mod reading;
mod words;

pub(super) use words::renew;
