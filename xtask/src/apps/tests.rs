//! Names on the command line.

use super::*;

#[test]
fn no_name_is_all_and_an_unknown_one_is_refused() {
    assert_eq!(chosen(&[]).unwrap().len(), APPLICATIONS.len());
    let one = chosen(&["dokuwiki".to_owned()]).unwrap();
    assert_eq!(one.iter().map(|application| application.name).collect::<Vec<_>>(), ["dokuwiki"]);
    assert!(chosen(&["drupal".to_owned()]).unwrap_err().contains("wordpress, dokuwiki"));
}
