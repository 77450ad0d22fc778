//! `menshen install --list`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use menshen_install::probe::find_program;
use menshen_install::recipe::load::{Loaded, all, from_file};

use super::failure::Failure;
use crate::{EXIT_CONFIG, out};

/// All recipes, with what is here of them.
pub(super) fn list(file: Option<&Path>, json: bool) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::of(EXIT_CONFIG, &error);
    let mut recipes = all(&super::recipes()).map_err(failed)?;
    if let Some(file) = file {
        let own = from_file(file).map_err(failed)?;
        recipes.retain(|one| one.recipe.name != own.recipe.name);
        recipes.push(own);
    }
    let mut text = String::new();
    if json {
        let rows: Vec<serde_json::Value> = recipes.iter().map(value).collect();
        // Strings only: nothing in it can fail to become JSON.
        text = serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n";
    } else {
        for one in &recipes {
            let recipe = &one.recipe;
            let here = find_program(&recipe.here);
            let here = here.map_or_else(|| "-".to_owned(), |found| found.version);
            let ways = ways(one);
            let _ = writeln!(text, "{:12} {here:12} {ways:16} {}", recipe.name, recipe.about);
        }
    }
    Ok(out::print(&text, 0))
}

fn value(loaded: &Loaded) -> serde_json::Value {
    let recipe = &loaded.recipe;
    let here = find_program(&recipe.here);
    serde_json::json!({
        "name": recipe.name,
        "about": recipe.about,
        "program": here.as_ref().map(|found| &found.program),
        "version": here.as_ref().map(|found| &found.version),
        "source": recipe.source.as_ref().map(|source| &source.version),
        "features": recipe.features.iter().map(|one| &one.name).collect::<Vec<_>>(),
        "file": loaded.file,
    })
}

fn ways(loaded: &Loaded) -> &'static str {
    match (loaded.recipe.packages.is_empty(), &loaded.recipe.source) {
        (false, Some(_)) => "package, source",
        (false, None) => "package",
        (true, Some(_)) => "source",
        (true, None) => "none",
    }
}
