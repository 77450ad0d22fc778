# Sourced by the first process of a guest when what its role says is up: the serving end of a
# tunnel and of the measurement. With MENSHEN, the program, it serves the folder CONF.
if [ -n "${MENSHEN:-}" ]; then
  mkdir -p /run/menshen
  cp "$CONF"/* /run/menshen/
  chmod 600 /run/menshen/*
  (cd /run/menshen && exec "$MENSHEN" serve --config menshen.toml) > /run/menshen.log 2>&1 &
  tail -F /run/menshen.log 2>/dev/null &
fi
iperf3 -s > /dev/null 2>&1 &
n=0
until ss -ltn | grep -q ":$LISTENS "; do
  n=$((n + 1)); [ $n -gt 600 ] && say "FAIL nobody listens" && break; sleep 0.1
done
say "SERVES"
