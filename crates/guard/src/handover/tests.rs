//! What programs of other versions hand over can be read. `first.json` is what the first release
//! writes; only its layouts are those of today, since others are refused on purpose.

use std::io::{Seek, Write};

use rustix::process::Pid;
use serde_json::{Value, json};

use super::*;

fn first() -> Value {
    let mut value: Value = serde_json::from_str(include_str!("first.json")).unwrap();
    value["layouts"] = json!(LAYOUTS);
    value
}

fn read(value: &Value) -> Result<Inventory, GuardError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(value.to_string().as_bytes()).unwrap();
    file.rewind().unwrap();
    Inventory::read(&file)
}

/// A field that nobody knows, in every structure of `value`.
fn add_unknown(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(add_unknown),
        // With one key it may be an enumeration, which has no room for more.
        Value::Object(fields) => {
            fields.values_mut().for_each(add_unknown);
            if fields.len() > 1 {
                fields.insert("of_tomorrow".to_owned(), json!({"any": ["thing"]}));
            }
        }
        _ => {}
    }
}

#[test]
fn what_the_first_release_hands_over_can_be_read() {
    let inventory = read(&first()).unwrap();
    assert_eq!((inventory.format, inventory.generation, inventory.serving), (1, 7, 2));
    assert_eq!(inventory.state, Path::new("/var/lib/menshen/state"));
    assert_eq!((inventory.doors.len(), inventory.workers.len()), (3, 3));
    assert_eq!(inventory.sql.unwrap().named().count(), 2);
    assert_eq!(inventory.tunnel.unwrap().named().count(), 2);
    let pid = Pid::from_raw(4242).unwrap();
    assert!(inventory.php.is_told(pid));
}

#[test]
fn what_a_later_program_adds_is_no_hindrance() {
    let mut value = first();
    add_unknown(&mut value);
    read(&value).unwrap();
}

#[test]
fn what_an_earlier_program_does_not_tell_has_a_default() {
    let mut value = first();
    let identity = &mut value["php"]["pools"][0]["identity"];
    identity["plan"].as_object_mut().unwrap().remove("files_max").unwrap();
    identity["program"].as_object_mut().unwrap().remove("changed").unwrap();
    for optional in ["sql", "tunnel", "descriptors"] {
        value.as_object_mut().unwrap().remove(optional).unwrap();
    }
    let inventory = read(&value).unwrap();
    assert!(inventory.sql.is_none() && inventory.tunnel.is_none());
}

#[test]
fn the_configuration_of_another_program_is_nobodys_business() {
    let mut value = first();
    value["config"] = json!("not even JSON");
    let file = tempfile::tempfile().unwrap();
    let lock = Rc::new(StateLock::adopt(Path::new("/nowhere"), file.try_clone().unwrap()));
    let handed = |way| Handed {
        inventory: read(&value).unwrap(),
        way,
        memory: file.try_clone().unwrap(),
        held: BTreeMap::new(),
        lock: Rc::clone(&lock),
        unix: Vec::new(),
        places: Vec::new(),
    };
    assert_eq!(handed(Way::Forth).config().unwrap(), None);
    let error = handed(Way::Back).config().unwrap_err();
    assert!(!error.render().contains("JSON"), "{}", error.render());
    let served = Config { workers: 3, ..Config::default() };
    let mut back = handed(Way::Back);
    back.inventory.config = Inventory::config_text(&served).unwrap();
    assert_eq!(back.config().unwrap(), Some(served));
}

#[test]
fn another_form_is_refused_before_all_else() {
    let refused = |value: &Value| read(value).err().unwrap().detail().unwrap();
    let mut value = first();
    value["layouts"][1] = json!(LAYOUTS[1] + 1);
    assert_eq!(refused(&value), "it shares memory in another form");
    assert_eq!(refused(&json!({"format": 2})), "it hands over in another form");
}
