//! The vocabulary that all operations share: their options, an object's headers, and the description of a stored object.

pub(crate) mod context;
pub(crate) mod headers;
pub(crate) mod object_info;
pub(crate) mod options;
