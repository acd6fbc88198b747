//! `man`: manual pages, made from the definition of the arguments.

use clap_mangen::Man;

use crate::args::{self, command};
use crate::ui::error::Failure;
use crate::ui::output::Output;

pub(super) fn run(args: &args::Man) -> Result<(), Failure> {
    let failed = |error| Failure::local("the manual pages could not be written", error);
    let mut root = command();
    if let Some(folder) = &args.dir {
        return clap_mangen::generate_to(root, folder).map_err(failed);
    }
    // Gives every command its full name and the flags that all have.
    root.build();
    let mut page_of = &root;
    for name in &args.command {
        page_of = page_of.find_subcommand(name).ok_or_else(|| {
            Failure::usage(format!("there is no command {name:?} in {}", page_of.get_name()))
                .hint("osseal --help lists them")
        })?;
    }
    let mut page = Vec::new();
    Man::new(page_of.clone()).render(&mut page).map_err(failed)?;
    Output::raw(&page)
}
