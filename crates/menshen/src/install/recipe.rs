//! The recipe of a name: from a file that was named, from the administrator's folder, or built in.

use std::path::Path;

use menshen_install::recipe::load::{Loaded, all, from_file};

use super::failure::Failure;
use crate::EXIT_CONFIG;

/// The recipe called `name`.
pub(crate) fn find(name: &str, file: Option<&Path>) -> Result<Loaded, Failure> {
    let failed = |error| Failure::of(EXIT_CONFIG, &error);
    if let Some(file) = file {
        let loaded = from_file(file).map_err(failed)?;
        if loaded.recipe.name != name {
            let text = format!("{} is the recipe of {}", file.display(), loaded.recipe.name);
            return Err(Failure::new(EXIT_CONFIG, text));
        }
        return Ok(loaded);
    }
    let recipes = all(&super::recipes()).map_err(failed)?;
    let names: Vec<String> = recipes.iter().map(|one| one.recipe.name.clone()).collect();
    let found = recipes.into_iter().find(|one| one.recipe.name == name);
    found.ok_or_else(|| {
        let text = format!("there is no recipe for {}", name.escape_debug());
        let hint = format!("There are {}; a file is named by --recipe.", names.join(", "));
        Failure::new(EXIT_CONFIG, text).hint(hint)
    })
}
