//! Advice is arithmetic that can be checked.
use super::super::bench::name;
use super::*;

fn consumer(text: &str, count: u64, mib: u64) -> Consumer {
    Consumer { name: name(text), count, held_kib: count * mib * 1024, ..Consumer::default() }
}

#[test]
fn advice_names_numbers_that_fit() {
    let room = Some(Room { all_kib: 2 << 20, others_kib: 400 << 10 });
    // (2048 * 4 / 5 - 400) / 50 = 24.8
    let text = remedy(&consumer("apache2", 60, 50), room, Bound::Machine);
    assert!(text.starts_with("Set MaxRequestWorkers to 24: a process holds 50 MiB"), "{text}");
    let text = remedy(&consumer("worker", 60, 50), room, Bound::Machine);
    assert!(text.starts_with("Run at most 24 of them"), "{text}");
    assert!(remedy(&consumer("java", 1, 1500), room, Bound::Machine).contains("fit into 1.2 GiB"));
    assert!(
        remedy(&consumer("node", 1, 1500), room, Bound::Machine)
            .contains("--max-old-space-size=928")
    );
    // Nothing fits, or nothing is known: no number.
    let full = Some(Room { all_kib: 1 << 20, others_kib: 1 << 20 });
    for room in [full, None] {
        for name in ["php-fpm", "mysqld", "qemu-system-x86", "apache2", "worker", "redis-server"] {
            let text = remedy(&consumer(name, 60, 50), room, Bound::Machine);
            assert!(!text.contains(" 0 ") && !text.contains("to 0"), "{text}");
        }
    }
}

#[test]
fn lists_hold_names_as_the_kernel_cuts_them() {
    for list in [SUPERVISORS, LOGGERS, PROTECTED, STARTERS] {
        assert!(list.iter().all(|name| name.len() <= 15), "{list:?}");
    }
    assert!(is_wrapper_of("mysqld_safe", "mariadbd") && !is_wrapper_of("mysqld_safe", "java"));
}
