#!/usr/bin/env python3
"""Octets that both ends of a tunnel know, carried both ways over one TCP connection.

  content.py serve               on port 999 of every address, until it is ended
  content.py fetch ADDRESS N M   pings, then takes N octets and gives M; prints "SAME ..." when both
                                 ends saw what the other sent, otherwise ends with 1
  content.py do ADDRESS COMMAND  runs a shell command where it serves; prints what that printed

It serves in namespaces of tests alone: whoever reaches it may do anything there."""
import hashlib, re, socket, subprocess, sys, threading, time

PORT, CHUNK, SILENCE, PINGS = 999, 65536, 200, 10


def chunks(name, length):
    """The octets of a direction: each chunk from its own seed, so that a shift is seen."""
    for number in range(-(-length // CHUNK)):
        chunk = hashlib.shake_128(b"%s %d" % (name, number)).digest(CHUNK)
        yield chunk[: min(CHUNK, length - number * CHUNK)]


def digest(parts):
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()


def taken(file, length):
    while length > 0:
        part = file.read(min(CHUNK, length))
        if not part:
            raise EOFError("the connection ended before its time")
        length -= len(part)
        yield part


def answer(connection):
    connection.settimeout(SILENCE)
    with connection, connection.makefile("rb") as file:
        words = file.readline().decode().split(None, 1)
        if words[0] == "do":
            done = subprocess.run(words[1], shell=True, capture_output=True)
            connection.sendall(done.stdout + done.stderr)
            return
        down, up = (int(number) for number in words[1].split())
        for part in chunks(b"down", down):
            connection.sendall(part)
        connection.sendall(digest(taken(file, up)).encode())


def serve():
    # The guest may not have IPv6, and IPv4 is enough.
    listener = socket.create_server(("", PORT), backlog=16)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=lambda: quietly(connection), daemon=True).start()


def quietly(connection):
    try:
        answer(connection)
    except (OSError, EOFError) as error:
        print("content:", error, flush=True)


def pings(address):
    """So many answers, however many questions it takes."""
    words = ["ping", "-c", str(PINGS), "-i", "0.2", "-w", "60", "-q", address]
    said = subprocess.run(words, capture_output=True).stdout.decode()
    found = re.search(r"(\d+) received", said)
    if not found or int(found[1]) < PINGS:
        sys.exit(f"NO PINGS: {said}")
    return int(found[1])


def fetch(address, down, up):
    answered = pings(address)
    began = time.monotonic()
    with socket.create_connection((address, PORT), SILENCE) as connection:
        with connection.makefile("rb") as file:
            connection.sendall(b"give %d %d\n" % (down, up))
            came = digest(taken(file, down))
            half = time.monotonic()
            for part in chunks(b"up", up):
                connection.sendall(part)
            there = file.read(64).decode()
    ended = time.monotonic()
    if came != digest(chunks(b"down", down)):
        sys.exit(f"DIFFERENT: {down} octets to us have the hash {came}")
    if there != digest(chunks(b"up", up)):
        sys.exit(f"DIFFERENT: {up} octets from us have the hash {there} there")
    way = lambda octets, time: (
        f"in {time:.1f} s at {octets * 8 / 1e6 / time:.1f} Mbit/s"
    )
    print(
        f"SAME {down / 1e6:.0f} MB down {way(down, half - began)},",
        f"{up / 1e6:.0f} MB up {way(up, ended - half)}, {answered} pings,",
        f"SHA-256 {came[:8]} and {there[:8]} at both ends",
    )


def do(address, command):
    with socket.create_connection((address, PORT), SILENCE) as connection:
        connection.sendall(b"do %s\n" % command.encode())
        with connection.makefile("rb") as file:
            sys.stdout.write(file.read().decode())


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "fetch":
    fetch(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    do(sys.argv[2], sys.argv[3])
