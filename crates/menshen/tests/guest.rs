//! What needs rights the host does not give: in a guest with a kernel of its own.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

#[path = "support/live.rs"]
#[expect(dead_code, reason = "shared with tests that start menshen themselves")]
mod live;
#[path = "support/peers.rs"]
#[expect(dead_code, reason = "shared with tests of other peers")]
mod peers;
#[path = "support/uml.rs"]
#[allow(dead_code, reason = "not every word of it is needed yet")]
mod uml;

use uml::Guest;

#[test]
fn a_permitted_guard_lowers_itself_and_raises_nobody() {
    let guest = Guest { mebibytes: 256, cgroup: 2 };
    let script = r#"
mkdir files
printf 'workers = 1\nuser = "nobody"\n[web]\nlisten = ["127.0.0.1:8443"]\nroot = "files"\n' \
  > menshen.toml
menshen serve > serve.out 2> serve.err &
guard=$!
until_true grep -q out-of-memory serve.out
grep out-of-memory serve.out
echo "guard $(cat /proc/$guard/oom_score_adj)"
for p in $(pgrep -P $guard); do
  echo "$(tr '\0' ' ' < /proc/$p/cmdline | cut -d' ' -f1,2): $(cat /proc/$p/oom_score_adj)"
done
first=$(pgrep -P $guard -f 'web/0')
kill -KILL $first
next() {
  n=$(pgrep -P $guard -f 'web/0') && [ "$n" != "$first" ] && \
    [ "$(cat /proc/$n/oom_score_adj)" = 0 ]
}
until_true next && echo "again 0"
kill $guard
wait $guard
"#;
    let Some(left) = guest.run(script) else { return };
    let text = left.stdout();
    assert!(text.contains("out-of-memory protection: permitted (guard -900, workers 0)"), "{text}");
    assert!(text.contains("guard -900\n"), "{text}");
    assert!(text.contains("menshen: web/0: 0\n"), "{text}");
    assert!(text.contains("again 0\n"), "{text}");
}
