#!/bin/bash
# Shows in a fresh root what the packages promise: install, serve, upgrade while transfers run,
# remove, purge. Run by `cargo xtask ci dist`, in mount, process and network namespaces of its own,
# so that nothing of it outlasts it: ROOT DEB1 DEB2 RPM1 RPM2.
set -euo pipefail
root=$1 deb1=$2 deb2=$3 rpm1=$4 rpm2=$5
work=$root/show
unit=$root/usr/lib/systemd/system/menshen.service
transfers=100 # each way

say() { printf '   %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  [ ! -e "$work/log" ] || tail -n 40 "$work/log" >&2
  exit 1
}
inside() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
    DEBIAN_FRONTEND=noninteractive "$@"
}
patiently() { # WHAT COMMAND...: waits until the command succeeds
  local what=$1 try
  shift
  for try in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "waited in vain for $what"
}

mount -t proc proc "$root/proc"
ip link set lo up
mkdir -p "$work"

# As the unit has it: the command, and no right of root beyond its list.
start() {
  local command rights
  command=$(sed -n 's/^ExecStart=//p' "$unit")
  rights=$(sed -n '/^CapabilityBoundingSet=/,/[^\\]$/p' "$unit" | sed 's/.*=//; s/\\//' |
    tr -s ' \n' '\n\n' | sed -n 's/^CAP_/+/p' | tr A-Z a-z | paste -sd,)
  # shellcheck disable=SC2086
  inside setpriv --bounding-set="-all,$rights" $command >"$work/log" 2>&1 &
  shell=$!
  patiently "the door" inside menshen status --config /etc/menshen/menshen.toml
  patiently "the token" test -s "$root/var/lib/menshen/state/owner-token"
  token=$(cat "$root/var/lib/menshen/state/owner-token")
  guard=$(cat "$root/var/lib/menshen/state/guard.pid")
  patiently "an answer" ask "$door/"
}
stop() {
  kill -TERM "$guard"
  wait "$shell" || fail "the guard ended with $?"
}
door=https://localhost:8443
ask() {
  curl --silent --show-error --fail --max-time 120 --cacert "$root/var/lib/menshen/state/ca.pem" \
    --header "Authorization: Bearer $token" "$@"
}

# Uploads, downloads and small requests on connections of their own, all while $1... runs.
under_load() {
  local number
  head -c 800000 /dev/urandom >"$work/piece"
  ask --upload-file "$work/piece" "$door/piece" --output /dev/null
  for number in $(seq "$transfers"); do
    printf 'url = "%s/piece"\noutput = "%s/down-%s"\n' "$door" "$work" "$number" >&3
    printf 'url = "%s/up-%s"\nupload-file = "%s/piece"\noutput = "%s/said-%s"\n' \
      "$door" "$number" "$work" "$work" "$number" >&4
  done 3>"$work/downs" 4>"$work/ups"
  # Each for itself: one connection for each transfer; they take 18 s.
  local each=(--parallel --parallel-immediate --parallel-max "$transfers" --http1.1
    --limit-rate 45k --write-out '%{http_code} %{errormsg}\n')
  ask "${each[@]}" --config "$work/downs" >"$work/downs-said" 2>&1 &
  local downs=$!
  ask "${each[@]}" --config "$work/ups" >"$work/ups-said" 2>&1 &
  local ups=$!
  : >"$work/small"
  (while [ -e "$work/small" ]; do
    ask "$door/piece" --range 0-9 --output /dev/null && echo ok || echo lost
  done) >"$work/small-said" 2>&1 &
  local small=$!
  patiently "transfers on their way" test -s "$work/down-$transfers" -a -s "$work/small-said"
  local open
  open=$(ss -Htn state established '( dport = :8443 )' | wc -l)
  [ "$open" -ge $((transfers * 2 - 20)) ] || fail "only $open connections are open"
  "$@" &
  local upgrade=$! tick
  # Where the machine is so busy that it would take longer, the clients stand still meanwhile.
  for tick in $(seq 60); do
    kill -0 "$upgrade" 2>/dev/null || break
    sleep 0.1
  done
  kill -STOP "$downs" "$ups" || fail "the transfers were over before the upgrade was"
  wait "$upgrade" || fail "the upgrade ended with $?"
  kill -CONT "$downs" "$ups"
  wait "$downs" || fail "downloads: $(sort "$work/downs-said" | uniq -c)"
  wait "$ups" || fail "uploads: $(sort "$work/ups-said" | uniq -c)"
  rm "$work/small"
  wait "$small"
  ! grep -v '^ok$' "$work/small-said" || fail "small requests were lost"
  [ "$(grep -c '^200' "$work/downs-said")" -eq "$transfers" ] || fail "downloads"
  [ "$(grep -c '^201' "$work/ups-said")" -eq "$transfers" ] || fail "uploads"
  for number in $(seq "$transfers"); do
    cmp "$work/piece" "$work/down-$number" || fail "download $number"
    cmp "$work/piece" "$root/var/lib/menshen/files/up-$number" || fail "upload $number"
  done
  say "$open connections open; $((transfers * 2)) transfers whole," \
    "$(wc -l <"$work/small-said") requests meanwhile, none lost"
}

# What must hold after an upgrade in place.
upgraded() {
  kill -0 "$guard" || fail "the guard has ended"
  tr '\0' '\n' <"/proc/$guard/environ" | grep -q '^MENSHEN_HANDOVER=' || fail "no other program"
  [ "$(stat -Lc %i "/proc/$guard/exe")" -eq "$(stat -c %i "$root/usr/bin/menshen")" ] ||
    fail "the guard is not the installed program"
  inside menshen status --config /etc/menshen/menshen.toml | head -n 3
}

upgrade_deb() { inside dpkg --install /show/2.deb; }
upgrade_rpm() { as_rpm --upgrade --nodeps --force-debian "$rpm2"; }
# The packages a Debian root lacks are none that menshen uses: --nodeps.
as_rpm() { rpm --root "$root" --dbpath /var/lib/rpm "$@"; }
config=$root/etc/menshen/menshen.toml

echo "-- .deb"
cp "$deb1" "$work/1.deb"
cp "$deb2" "$work/2.deb"
inside dpkg --install /show/1.deb
inside getent passwd menshen >/dev/null || fail "no user"
start
[ "$(stat -c %a "$root/var/lib/menshen/state")" = 700 ] || fail "the state folder is open"
pgrep -P "$guard" -u "$(inside id -u menshen)" >/dev/null || fail "no worker is menshen's"
echo '# kept by the administrator' >>"$config"
under_load upgrade_deb
upgraded
grep -q '# kept by the administrator' "$config" || fail "the settings were replaced"
stop
inside dpkg --remove menshen
[ ! -e "$root/usr/bin/menshen" ] || fail "the program stayed"
[ -e "$config" ] && [ -e "$root/var/lib/menshen/state/owner-token" ] || fail "removed too much"
inside dpkg --purge menshen
[ ! -e "$root/etc/menshen" ] && [ ! -e "$root/var/lib/menshen/state" ] || fail "purge left things"
cmp "$work/piece" "$root/var/lib/menshen/files/piece" || fail "purge took what was uploaded"
rm -r "$root/var/lib/menshen"

echo "-- .rpm"
as_rpm --initdb
as_rpm --install --nodeps --force-debian "$rpm1"
as_rpm --verify --nodeps menshen || fail "the files are not as packaged"
start
echo '# kept by the administrator' >>"$config"
under_load upgrade_rpm
upgraded
grep -q '# kept by the administrator' "$config" || fail "the settings were replaced"
stop
as_rpm --erase menshen
[ ! -e "$root/usr/bin/menshen" ] || fail "the program stayed"
[ -e "$config.rpmsave" ] || fail "changed settings are not kept"
cmp "$work/piece" "$root/var/lib/menshen/files/piece" || fail "what was uploaded is gone"
