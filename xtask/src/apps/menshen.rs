//! menshen in front of an application: the guide's site block and nothing that the guide lacks,
//! except addresses and folders of this run.

use std::fs;
use std::path::Path;

use super::account::command_as_we_are;
use super::application::Application;
use super::database::{Database, USER};
use super::lab::{Lab, Place};
use super::{Front, guide};
use crate::server::{Server, free_ports};
use crate::workspace;

/// Starts it on a free port.
pub(crate) fn start(
    lab: &Lab,
    place: &Place,
    application: &Application,
    menshen: &Path,
    database: Option<&Database>,
) -> Result<Front, String> {
    let port = free_ports(1)?[0];
    let config = place.server.join("menshen.toml");
    let mut text = configuration(lab, place, application, port)?;
    text += &database.map(sql).unwrap_or_default();
    fs::write(&config, text).map_err(|e| format!("could not write {}: {e}", config.display()))?;
    let log = place.server.join("menshen.log");
    // As root it is started as root: the guard gives the account's rights to all others.
    let mut command = command_as_we_are(menshen);
    command.current_dir(&place.server).args(["serve", "--config", "menshen.toml"]);
    let mut server = Server::start("menshen", &mut command, &log)?;
    server.wait_for(port, &log)?;
    let status =
        [menshen, Path::new("status"), Path::new("--json"), Path::new("--config"), &config];
    Ok(Front {
        servers: vec![server],
        port,
        status: status.map(|word| word.display().to_string()).to_vec(),
        logs: vec![log, place.server.join("state/access.log")],
    })
}

/// The sql door before this database.
fn sql(database: &Database) -> String {
    format!(
        "
[sql]
listen = [\"127.0.0.1:{}\"]
upstream = \"unix:{}\"
control_user = \"{USER}\"
control_password_file = \"{}\"
",
        database.port,
        database.socket.display(),
        database.password_file.display(),
    )
}

fn configuration(
    lab: &Lab,
    place: &Place,
    application: &Application,
    port: u16,
) -> Result<String, String> {
    let file = workspace::repository_root()?.join(guide::FILE);
    let text =
        fs::read_to_string(&file).map_err(|e| format!("could not read {}: {e}", file.display()))?;
    let php = guide::block(&text, "PHP's own limits")?;
    let site = guide::site(&text, application.title, application.name, &place.root)?;
    let files = place.server.join("files");
    fs::create_dir_all(&files).map_err(|e| format!("could not create {}: {e}", files.display()))?;
    lab.account.give(&files)?;
    let user = lab.account.name().map(|name| format!("user = \"{name}\"\n")).unwrap_or_default();
    let certificate = lab.certificate();
    Ok(format!(
        "state = \"state\"
{user}
[web]
listen = [\"127.0.0.1:{port}\"]
root = \"{files}\"

[tls]
certificate = \"{certificate}\"
key = \"{key}\"

[admin]
listen = \"off\"

{php}
{site}",
        files = files.display(),
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
    ))
}
