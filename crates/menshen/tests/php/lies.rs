//! What clients say so that PHP runs or believes what it must not.

/// Whether PHP saw nothing but what it saw without forgery, except fields as `HTTP_…`.
pub(crate) fn only_http(text: &str, clean: &str) -> bool {
    let names = |text: &str| -> Vec<String> {
        let (server, _) = text.split_once("},").unwrap();
        let pairs = server.trim_start_matches("[{").split("\",\"");
        pairs
            .filter(|pair| !pair.trim_matches('"').starts_with("HTTP_"))
            .map(str::to_owned)
            .collect()
    };
    let bad =
        ["HTTP_PROXY", "HTTP_X_ACCEL_MAPPING", "HTTP_X_SENDFILE_TYPE", "HTTP_X_ACCEL_REDIRECT"];
    names(text) == names(clean) && !bad.iter().any(|name| text.contains(&format!("\"{name}\"")))
}

/// Paths that lead to no script and no file, however they are read.
pub(crate) const REFUSED: &[&str] = &[
    "/upload.jpg/x.php",
    "/upload.jpg/.php",
    "/upload.jpg%00.php",
    "/x.php%00.jpg",
    "/x.php/..%2f",
    "/x.php/%2e%2e/x.php",
    "/x.php/../x.php",
    "/x.php%5c..%5cx",
    "/uploads/evil.php",
    "/uploads/evil.php/x",
    "/uploads/evil.php/x.php",
    "/uploads%2fevil.php",
    "//uploads/evil.php",
    "/uploads//evil.php",
    "/./uploads/evil.php",
    "/uploads/evil.PHP",
    "/X.PHP",
    "/x.php.",
    "/x.php%20",
    "/x.php::$DATA",
    "/x.phps",
    "/.user.ini",
    "/.htaccess",
    "/.env",
    "/.git/config",
    "/.git/",
    "/uploads/.user.ini",
    "/%2egit/config",
    "/link.txt",
    "/link.php",
    "/dir.php",
];
