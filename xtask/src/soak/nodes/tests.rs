//! What fails.
use serde_json::json;

use super::*;

fn plan() -> Plan {
    Plan {
        engine: Engine::Garage,
        uploads: 10,
        size: 64 << 20,
        piece: PIECE_BYTES,
        clients: 4,
        seed: 1,
        outage: 60,
        rest: 1 << 30,
        is_short: false,
        garage: None,
    }
}

fn good() -> Outcome {
    let planted: Vec<Value> =
        (0..PLANTED).map(|_| json!({"fault": "some", "found": true})).collect();
    let counts = json!({
        "violations": 0, "uploads": 10, "replays": 10, "takeovers": 3, "answers_503": 5,
    });
    Outcome {
        told: json!({ "counts": counts, "planted": planted }),
        disasters: DISASTERS.iter().map(|one| (*one, 1)).collect(),
        peaks_kib: vec![1000, memory_max_kib()],
        seconds: 1,
    }
}

#[test]
fn losses_thin_loads_memory_and_a_blind_checker_fail() {
    let plan = plan();
    assert_eq!(good().judge(&plan), Ok(()));
    for (key, bad) in
        [("violations", 1), ("uploads", 9), ("replays", 9), ("takeovers", 0), ("answers_503", 0)]
    {
        let mut outcome = good();
        outcome.told["counts"][key] = bad.into();
        assert!(outcome.judge(&plan).is_err(), "{key}");
    }
    let mut outcome = good();
    outcome.told["planted"][3]["found"] = false.into();
    assert!(outcome.judge(&plan).is_err());
    outcome.told["planted"] = Value::Null;
    assert!(outcome.judge(&plan).is_err());
    for peaks_kib in [vec![], vec![0], vec![1000, memory_max_kib() + 1]] {
        assert!(Outcome { peaks_kib, ..good() }.judge(&plan).is_err());
    }
    for (place, which) in DISASTERS.iter().enumerate() {
        let mut outcome = good();
        outcome.disasters[place].1 = 0;
        assert!(outcome.judge(&plan).is_err(), "{}", which.name());
    }
}
