//! Which bodies are taken for forms: all that PHP would take for one.

use menshen_config::model::{Delivery, PhpBackend, Rule, Site};

use super::*;
use crate::fixture::{Choices, Fixture, Lines};
use crate::plan::Patience;

#[test]
fn what_php_would_take_for_a_form_is_never_passed_on_as_it_is() {
    let rule = Rule { delivery: Some(Delivery::Fields), ..Rule::new("/fields/".into()) };
    let (root, php, rules) = ("site".into(), PhpBackend::Managed, vec![rule]);
    let site = Site { root, php, rules, ..Site::default() };
    let made = Fixture::with(Choices { sites: vec![site], ..Choices::default() });
    made.lay("site/a.php", "");
    made.lay("site/fields/a.php", "");
    let outcome = |target: &str, kind: &str| {
        let lines = Lines::of(&[format!("Content-Type: {kind}")]);
        let mut ask = lines.ask("POST", target);
        ask.length = Some(10);
        match made.door.plan(&ask, Patience::Once) {
            Plan::Reply(reply) => reply.status.to_string(),
            Plan::Receive(Sink::Php(php)) => match php.intake {
                Intake::Raw(_) => "raw".into(),
                Intake::Form(_) => "form".into(),
            },
            _ => panic!("{kind}"),
        }
    };
    for (kind, plain, fields) in [
        ("multipart/form-data; boundary=x", "form", "form"),
        ("Multipart/Form-Data;boundary=x", "form", "form"),
        ("multipart/form-data boundary=x", "400", "400"),
        ("multipart/form-data, boundary=x", "400", "400"),
        ("multipart/form-data", "400", "400"),
        ("multipart/form-datax; boundary=x", "raw", "raw"),
        ("application/x-www-form-urlencoded", "raw", "415"),
        ("application/x-www-form-urlencoded x", "raw", "415"),
        ("application/x-www-form-urlencoded, x", "raw", "415"),
        ("text/plain", "raw", "raw"),
    ] {
        assert_eq!(outcome("/a.php", kind), plain, "{kind}");
        assert_eq!(outcome("/fields/a.php", kind), fields, "{kind}");
    }
}
