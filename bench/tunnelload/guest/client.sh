# Sourced by the first process of a guest when what its role says is up: the dialling end of a
# tunnel, and what passes through it to the address INNER, in SECONDS a run. With MENSHEN, the
# program, it dials URL with the options MORE (+ for a blank) and the password in CONF.
if [ -n "${MENSHEN:-}" ]; then
  "$MENSHEN" tunnel connect "$URL" --interface mb0 --password-file "$CONF/password" \
    $(echo "${MORE:-}" | tr + ' ') > /run/client.log 2>&1 &
  tail -F /run/client.log 2>/dev/null &
fi
n=0
until ping -c 1 -W 1 "$INNER" > /dev/null 2>&1; do
  n=$((n + 1)); [ $n -gt 60 ] && say "FAIL no tunnel" && break; sleep 0.3
done
for way in "" -R; do
  for try in 1 2 3; do
    rate=$(iperf3 -c "$INNER" -t "$SECONDS_EACH" -f k $way |
      sed -n 's/.* \([0-9.]*\) Kbits\/sec .*receiver.*/\1/p')
    say "RATE ${way:-up} ${rate:-0}"
  done
done
say "DONE"
