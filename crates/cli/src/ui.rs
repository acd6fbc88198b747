//! Terminal output: data, reports, progress, errors and questions.

pub(crate) mod confirm;
pub(crate) mod error;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod terminal;
pub(crate) mod text;
