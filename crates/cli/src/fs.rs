//! Files and folders of this machine.

pub(crate) mod dirs;
pub(crate) mod new_file;
pub(crate) mod secret_file;
pub(crate) mod small_file;
