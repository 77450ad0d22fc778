#!/bin/bash
# Boots one guest kernel (user-mode-linux, a plain process) whose root is this machine's, read only,
# on the bridge br0 of the network namespace it is started in. Its console goes to stdout: wait for
# "LAB READY" or "LAB FAIL". TERM ends it.
#   guest.sh FOLDER ROLE ADDRESS/BITS [NAME=VALUE ...]      roles and names: see guest-init.sh
# FOLDER is empty and has no blank in its path; no value has one either (they are kernel arguments).
set -u
folder=$1 role=$2 address=$3; shift 3
here=$(cd "$(dirname "$0")" && pwd)
tap=g${address//[!0-9]/}; tap=${tap:0:15}
PATH=$PATH:/usr/sbin:/sbin
ip tuntap add dev "$tap" mode tap && ip link set "$tap" master br0 && ip link set "$tap" up || exit 1
# The guest takes no packet longer than its MTU, whatever it says of its offloads.
ip link set dev "$tap" gso_max_segs 1 || exit 1
guest=
end() {
  for file in "$folder"/*/pid; do [ -r "$file" ] && kill -TERM "$(cat "$file")" 2>/dev/null; done
  # Some of its processes may outlive it, stopped, and keep the console open.
  [ -n "$guest" ] && { wait "$guest"; kill -KILL -- "-$guest" 2>/dev/null; }
  wait
  ip link del "$tap" 2>/dev/null
  exit 0
}
trap end TERM INT
mkfifo "$folder/console"
cat < "$folder/console" & # the guest writes to a pipe, whatever stdout is here
setsid linux.uml mem=96M umid=guest uml_dir="$folder/" rootfstype=hostfs rootflags=/ ro quiet \
  init="$here/guest-init.sh" con=null con0=null,fd:1 ssl=null \
  vec0:transport=tap,ifname="$tap",depth=128,gro=1 ROLE="$role" ADDRESS="$address" "$@" \
  > "$folder/console" 2>&1 < /dev/null &
guest=$!
wait "$guest"
end
