#!/bin/sh
# The first process of the guest. All that is written goes to memory. Settings come as environment:
#   ROLE=pptpd           pptpd with pppd on TCP 1723, once for each word of SERVERS=H:MPPE:AUTH,...
#                        (2:128:mschap-v2): at 10.77.0.H; 10.78.H.1 inside, clients from 10.78.H.100
#   ROLE=pptp  PEER=A    pptp-linux with pppd dials A
#   ROLE=sstpd           sstp-server at SSTPD=program, with CERT= and KEY=; 10.79.0.1 inside
#   ROLE=sstpc PEER=A    sstp-client with pppd dials A; CA=file with the certificate to trust
#   AUTH=mschap-v2|chap|pap, for pptpd any, too  MPPE=128|40|stateful|0  PORT=443  GATEWAY=address
#   PPPD=further options of pppd, + for a blank
#   RUN=file             a script that is run when all is ready    SECS=seconds to live (3600)
# User testuser, password testpass. content.py serves on port 999 of all addresses, but for sstpc.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
: "${AUTH:=mschap-v2}" "${MPPE:=128}" "${PORT:=443}" "${SECS:=3600}" "${PPPD:=}" "${GATEWAY:=}"
: "${SERVERS:=2:128:mschap-v2}"
here=${0%/*}
say() { echo "LAB $*"; }
off() { say halt; sleep 0.2; echo o > /proc/sysrq-trigger; sleep 5; }
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts
mount -t tmpfs run /run; mkdir -p /run/lock /run/ppp /run/m/lib /run/sstpc /run/up /run/work
ln -s /usr/lib/uml/modules /run/m/lib/modules
cp -r /etc/ppp /run/etc-ppp; mount --bind /run/etc-ppp /etc/ppp
[ -d /var/run ] && [ ! -L /var/run ] && mount --bind /run /var/run
# sstp-client wants to write to /tmp.
modprobe -d /run/m overlay \
  && mount -t overlay -o lowerdir=/tmp,upperdir=/run/up,workdir=/run/work tmp /tmp
for module in ppp_async ppp_synctty ppp_mppe arc4 pptp tun ipv6; do
  modprobe -d /run/m "$module" || say "no module $module"
done
[ -e /dev/ppp ] || mknod /dev/ppp c 108 0
mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
ip link set lo up; ip link set vec0 up; ip addr add "$ADDRESS" dev vec0
[ -z "$GATEWAY" ] || ip route add default via "$GATEWAY"
echo 'testuser * testpass *' > /etc/ppp/chap-secrets
cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
: > /etc/ppp/options
manners() { # MPPE, AUTH: what pppd is told of them
  case $2 in
    mschap-v2) refuse="refuse-pap refuse-chap refuse-mschap refuse-eap";;
    chap) refuse="refuse-pap refuse-mschap refuse-mschap-v2 refuse-eap";;
    pap) refuse="refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap";;
    any) refuse=;;
  esac
  case $1 in
    0) mppe=nomppe;;
    40) mppe="require-mppe-40 nomppe-128";;
    stateful) mppe="require-mppe-128 nomppe-40 mppe-stateful";;
    *) mppe="require-mppe-128 nomppe-40";;
  esac
  case $ROLE in sstp*) mppe=nomppe;; esac
  plain="nobsdcomp nodeflate novj novjccomp debug $(echo "$PPPD" | tr + ' ')"
  client="user testuser password testpass noauth nodetach logfd 1 usepeerdns $refuse $mppe $plain"
}
lines() { for word; do echo "$word"; done; }
listens() { # a port, and how often
  n=0
  until [ "$(ss -ltn | grep -c ":$1 ")" = "$2" ]; do
    n=$((n + 1)); [ $n -gt 600 ] && say "FAIL $ROLE does not listen" && return; sleep 0.1
  done
  say "READY $ROLE"
}
linked() {
  n=0
  until ip -o -4 addr show dev ppp0 2>/dev/null | grep -q inet; do
    n=$((n + 1)); [ $n -gt 600 ] && say "FAIL no link" && return 1
    kill -0 "$dialler" 2>/dev/null || return 1
    sleep 0.1
  done
  say "READY $ROLE"
}
dial() { # PEER, by pptp-linux
  pppd pty "pptp $PEER --nolaunchpppd" remotename pptpd $client & dialler=$!
  linked || say "FAIL it ended"
}
server() { # name, AUTH, further options
  name=$1 proof=require-$2; shift 2
  [ "$proof" = require-any ] && proof=auth
  echo "name $name"; lines "$proof" $refuse $mppe $plain
  echo "mtu 1400"; echo "mru 1400"; echo "logfile /run/pppd.log"; lines "$@"
}
pptpd_at() { # H, MPPE, AUTH
  manners "$2" "$3"
  ip addr add "10.77.0.$1/24" dev vec0 2>/dev/null
  { server pptpd "$3" lock; echo "ms-dns 10.78.$1.1"; } > "/run/options.$1"
  lines "option /run/options.$1" "listen 10.77.0.$1" "pidfile /run/pptpd.$1.pid" \
    "localip 10.78.$1.1" "remoteip 10.78.$1.100-110" > "/run/pptpd.$1.conf"
  pptpd -f -c "/run/pptpd.$1.conf" &
}

: > /run/pppd.log
tail -F /run/pppd.log 2>/dev/null &
[ "$ROLE" = sstpc ] || /usr/bin/python3 "$here/content.py" serve &
manners "$MPPE" "$AUTH"
case $ROLE in
pptpd)
  number=0
  for one in $(echo "$SERVERS" | tr , ' '); do
    rest=${one#*:}; pptpd_at "${one%%:*}" "${rest%%:*}" "${rest#*:}"
    number=$((number + 1))
  done
  listens 1723 "$number";;
pptp) dial;;
sstpd)
  { server sstpd "$AUTH" nologfd; echo "ms-dns 10.79.0.1"; } > /etc/ppp/options.sstpd
  "$SSTPD" -l "${ADDRESS%/*}" -p "$PORT" -c "$CERT" -k "$KEY" \
    --local 10.79.0.1 --remote 10.79.0.0/24 -v 10 2>&1 &
  listens "$PORT" 1;;
sstpc)
  # With the console as its stderr it ends at once now and then, to a file it does not.
  for try in 1 2 3; do
    sstpc --log-level 4 --log-stderr --ca-cert "$CA" --user testuser --password testpass \
      "$PEER:$PORT" $client > "/run/sstpc.$try" 2>&1 & dialler=$!
    tail -F "/run/sstpc.$try" 2>/dev/null &
    linked && break
    grep -q 'event loop terminated' "/run/sstpc.$try" || break
  done
  ip -o -4 addr show dev ppp0 2>/dev/null | grep -q inet || say "FAIL it ended";;
esac
[ -n "${RUN:-}" ] && [ -r "$RUN" ] && . "$RUN"
sleep "$SECS"
off
