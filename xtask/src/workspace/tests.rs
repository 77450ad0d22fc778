//! Reading metadata and walking a folder.

use super::*;

#[test]
fn packages_are_read_from_metadata() {
    let value = serde_json::json!({
        "workspace_root": "/src",
        "packages": [{
            "name": "menshen-web",
            "manifest_path": "/src/crates/web/Cargo.toml",
            "dependencies": [
                {"name": "tokio", "kind": null, "rename": "io"},
                {"name": "proptest", "kind": "dev"},
            ],
        }],
    });
    let found = packages(&value).unwrap();
    assert_eq!(found[0].folder, Path::new("crates/web"));
    assert_eq!(
        found[0].dependencies,
        [
            Dependency { name: "tokio".into(), use_case: UseCase::Product },
            Dependency { name: "proptest".into(), use_case: UseCase::Test },
        ]
    );
    assert!(packages(&serde_json::json!({})).is_err());
}

#[test]
fn built_and_fetched_folders_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["src/a.rs", "target/b.rs", "x/node_modules/c.rs"] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let tree = Tree::of_folder(folder.path().to_path_buf()).unwrap();
    assert_eq!(tree.files.iter().collect::<Vec<_>>(), [Path::new("src/a.rs")]);
}
