//! The applications: which packages they come from, and how a copy is made ready.
//!
//! Their PHP code stays as packaged. What is written is only what every operator writes: the
//! database's address, where data lies, and that no other machine is spoken to.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::copy::copy;
use super::database::{Database, USER};
use super::lab::{Lab, Place};
use crate::shell;

/// One application.
#[derive(Debug)]
pub(crate) struct Application {
    /// Its name on the command line, and its host below `localhost`.
    pub(crate) name: &'static str,
    /// Its heading in the guide.
    pub(crate) title: &'static str,
    /// Debian packages, without their dependencies.
    packages: &'static [&'static str],
    /// Whether it needs MariaDB.
    pub(crate) uses_database: bool,
    prepare: fn(&Place, Option<&Database>) -> Result<(), String>,
    /// The lines of an nginx `server` that do what its site block does.
    pub(crate) nginx: &'static str,
}

impl Application {
    /// Puts a copy into its place, ready for its own installer or first login.
    pub(crate) fn install(
        &self,
        lab: &Lab,
        place: &Place,
        database: Option<&Database>,
    ) -> Result<(), String> {
        (self.prepare)(place, database.filter(|_| self.uses_database))?;
        lab.account.give(&place.root)?;
        lab.account.give(&place.data)
    }
}

/// All of them, in the order in which they run.
pub(crate) const APPLICATIONS: &[Application] = &[
    Application {
        name: "wordpress",
        title: "WordPress",
        packages: &["wordpress", "wordpress-theme-twentytwentythree", "mariadb-server"],
        uses_database: true,
        prepare: wordpress,
        nginx: "    location / { try_files $uri $uri/ /index.php?$args; }
    location ~ ^/wp-content/uploads/.*\\.php$ { return 404; }
",
    },
    Application {
        name: "dokuwiki",
        title: "DokuWiki",
        packages: &["dokuwiki"],
        uses_database: false,
        prepare: dokuwiki,
        nginx: "    location ~ ^/(conf|inc|bin|vendor)/ { return 404; }
    location ^~ /data/ { internal; }
",
    },
    Application {
        name: "phpmyadmin",
        title: "phpMyAdmin",
        packages: &["phpmyadmin", "mariadb-server"],
        uses_database: true,
        prepare: phpmyadmin,
        nginx: "    location ~ ^/(libraries|templates)/ { return 404; }
",
    },
    Application {
        name: "adminer",
        title: "Adminer",
        packages: &["adminer", "mariadb-server"],
        uses_database: true,
        prepare: adminer,
        nginx: "",
    },
    Application {
        name: "mediawiki",
        title: "MediaWiki",
        packages: &["mediawiki", "mariadb-server"],
        uses_database: true,
        prepare: mediawiki,
        nginx: "    location ~ ^/(cache|includes|languages|maintenance|vendor)/ { return 404; }
    location ^~ /images/ { }
",
    },
];

/// Packages of these applications that are not installed.
pub(crate) fn missing_packages(applications: &[&Application]) -> Vec<&'static str> {
    let packages = applications.iter().flat_map(|application| application.packages);
    let packages = packages.chain(PHP_PACKAGES).copied();
    let mut missing: Vec<_> = packages.filter(|package| !is_installed(package)).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Status}", package]);
    shell::output(&mut query).is_ok_and(|status| status.ends_with(" installed"))
}

fn wordpress(place: &Place, database: Option<&Database>) -> Result<(), String> {
    // The packaged wp-config.php looks for the site's own file in /etc/wordpress.
    copy(Path::new("/usr/share/wordpress"), &place.root, &["wp-config.php", ".htaccess"])?;
    let database = database.ok_or("no database")?;
    database.execute("CREATE DATABASE wordpress CHARACTER SET utf8mb4")?;
    folder(&place.root.join("wp-content/uploads"))?;
    let salts = [
        "AUTH_KEY",
        "SECURE_AUTH_KEY",
        "LOGGED_IN_KEY",
        "NONCE_KEY",
        "AUTH_SALT",
        "SECURE_AUTH_SALT",
        "LOGGED_IN_SALT",
        "NONCE_SALT",
    ];
    let salts: String = salts
        .iter()
        .map(|name| format!("define('{name}', '{name}-{}');\n", database.password))
        .collect();
    let text = format!(
        "<?php
define('DB_NAME', 'wordpress');
define('DB_USER', '{USER}');
define('DB_PASSWORD', '{}');
define('DB_HOST', '127.0.0.1:{}');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
{salts}$table_prefix = 'wp_';
// Speaks to no other machine.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
",
        database.password, database.port
    );
    write(&place.root.join("wp-config.php"), &text)
}

fn dokuwiki(place: &Place, _database: Option<&Database>) -> Result<(), String> {
    copy(Path::new("/usr/share/dokuwiki"), &place.root, &[".htaccess"])?;
    // The package moves configuration and data to /etc and /var by this file; without it they lie
    // where DokuWiki itself expects them.
    let preload = place.root.join("inc/preload.php");
    fs::remove_file(&preload)
        .map_err(|e| format!("could not remove {}: {e}", preload.display()))?;
    let installed_by_package = ["local.php", "acl.auth.php", "users.auth.php", "plugins.local.php"];
    copy(Path::new("/etc/dokuwiki"), &place.root.join("conf"), &installed_by_package)?;
    for name in [
        "attic",
        "cache",
        "index",
        "locks",
        "log",
        "media",
        "media_attic",
        "media_meta",
        "meta",
        "pages",
        "tmp",
    ] {
        folder(&place.root.join("data").join(name))?;
    }
    let text = "<?php\n$conf['savedir'] = './data';\n$conf['updatecheck'] = 0;\n";
    write(&place.root.join("conf/local.protected.php"), text)
}

fn phpmyadmin(place: &Place, database: Option<&Database>) -> Result<(), String> {
    copy(Path::new("/usr/share/phpmyadmin"), &place.root, &["doc"])?;
    let database = database.ok_or("no database")?;
    let configuration = place.data.join("config.inc.php");
    let cache = place.data.join("tmp");
    folder(&cache)?;
    // The vendor's file is where a package says where its configuration lies.
    let vendor = place.root.join("libraries/vendor_config.php");
    let text = read(&vendor)?;
    let text = text
        .replace("/etc/phpmyadmin/config.inc.php", &configuration.display().to_string())
        .replace("/var/lib/phpmyadmin/tmp/", &format!("{}/", cache.display()));
    write(&vendor, &text)?;
    let text = format!(
        "<?php
$cfg['blowfish_secret'] = '{}-secret-';
$cfg['Servers'][1]['auth_type'] = 'cookie';
$cfg['Servers'][1]['host'] = '127.0.0.1';
$cfg['Servers'][1]['port'] = '{}';
$cfg['ExecTimeLimit'] = 0;
",
        database.password, database.port
    );
    write(&configuration, &text)
}

fn adminer(place: &Place, _database: Option<&Database>) -> Result<(), String> {
    let (from, to) = ("/usr/share/adminer/adminer.php", place.root.join("index.php"));
    fs::copy(from, to).map(|_| ()).map_err(|e| format!("could not copy {from}: {e}"))
}

fn mediawiki(place: &Place, database: Option<&Database>) -> Result<(), String> {
    let leave_out = ["LocalSettings.php", "config", "images", "extensions"];
    copy(Path::new("/usr/share/mediawiki"), &place.root, &leave_out)?;
    // Debian keeps its extensions apart and links the ones that are on.
    symlink("extensions-core", place.root.join("extensions"))
        .map_err(|e| format!("could not link extensions: {e}"))?;
    folder(&place.root.join("images"))?;
    folder(&place.root.join("cache"))?;
    database.ok_or("no database")?.execute("CREATE DATABASE mediawiki").map(|_| ())
}

fn folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| format!("could not create {}: {e}", path.display()))
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|e| format!("could not read {}: {e}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("could not write {}: {e}", file.display()))
}

const PHP_PACKAGES: &[&str] =
    &["php-fpm", "php-gd", "php-intl", "php-mbstring", "php-mysql", "php-xml"];
