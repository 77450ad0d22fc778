#!/usr/bin/env python3
"""Makes the fixtures of this folder anew: handshakes of OpenSSL with itself, through a relay.

Run it in this folder; it needs openssl and tshark. Every file holds the pieces as they passed the
relay (`C` from the client, `S` from the server, with microseconds), the lines of the key log, and
as `expect` what tshark decodes from the same bytes with the same keys: side, type, bytes with the
4-byte header, of every handshake message. Keys and certificates are made for the run and thrown
away.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

WORK = tempfile.mkdtemp()
OLD = "ALL:@SECLEVEL=0"


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, **more)


def certificates():
    os.chdir(WORK)
    with open("san.cnf", "w") as file:
        file.write("subjectAltName=DNS:door.test,DNS:www.door.test\n")
    for name, key in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                      ("ed", ["ed25519"]), ("client", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        if name == "rsa":
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
                "-subj", "/CN=Fixture CA", "-keyout", "ca.key", "-out", "ca.pem")
        run("openssl", "req", "-newkey", *key, "-nodes", "-subj", f"/CN={name}.door.test",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-days", "3650", "-extfile", "san.cnf", "-out", f"{name}.pem")
    run("openssl", "dhparam", "-dsaparam", "-out", "dh.pem", "2048")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Relay:
    """Takes one connection at a time and notes what passes."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def one(self):
        self.pieces, self.closed = [], None
        client, _ = self.listener.accept()
        self.start = time.monotonic()
        server = socket.create_connection(("127.0.0.1", self.target))
        threads = [threading.Thread(target=self.copy, args=("C", client, server)),
                   threading.Thread(target=self.copy, args=("S", server, client))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)

    def now(self):
        return int((time.monotonic() - self.start) * 1e6)

    def copy(self, side, source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                self.pieces.append((side, self.now(), data))
                target.sendall(data)
        except OSError:
            pass
        self.closed = self.closed or (side, self.now())
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def pcap(pieces, path):
    """TCP packets around the pieces, so that tshark can read them."""
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
    numbers = {"C": 1, "S": 1}

    def packet(side, flags, data):
        source, target = ((40000, 443) if side == "C" else (443, 40000))
        other = "S" if side == "C" else "C"
        tcp = struct.pack(">HHIIBBHHH", source, target, numbers[side], numbers[other],
                          0x50, flags, 65535, 0, 0) + data
        addresses = [bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])]
        if side == "S":
            addresses.reverse()
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
        frame = ip + addresses[0] + addresses[1] + tcp
        out.extend(struct.pack("<IIII", 0, packet.count, len(frame), len(frame)) + frame)
        packet.count += 1
        numbers[side] += len(data)

    packet.count = 0
    numbers = {"C": 0, "S": 0}
    packet("C", 2, b"")
    numbers["C"] = 1
    packet("S", 0x12, b"")
    numbers["S"] = 1
    for side, _, data in pieces:
        for at in range(0, len(data), 1400):
            packet(side, 0x18, data[at:at + 1400])
    with open(path, "wb") as file:
        file.write(out)


def expected(pieces, keys):
    pcap(pieces, "one.pcap")
    with open("one.keys", "w") as file:
        file.write(keys)
    words = ["tshark", "-r", "one.pcap", "-o", "tls.keylog_file:one.keys", "-Y", "tls.handshake",
             "-T", "fields", "-e", "tcp.srcport", "-e", "tls.handshake.type",
             "-e", "tls.handshake.length"]
    lines = []
    for row in run(*words).stdout.decode().splitlines():
        port, types, lengths = (row.split("\t") + ["", ""])[:3]
        side = "S" if port == "443" else "C"
        for kind, length in zip(types.split(","), lengths.split(",")):
            if kind:
                lines.append(f"expect {side} {kind} {int(length) + 4}")
    return lines


def capture(name, server, client, first=None, talk=(b"hello\n", b"Q\n"), plain=None):
    """One connection of s_client with s_server; `first` is a connection before, for resumption."""
    port = free_port()
    if os.path.exists("keys.log"):
        os.unlink("keys.log")
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet"] + server
    serving = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    relay = Relay(port)
    for words in ([first] if first else []) + [client]:
        if os.path.exists("keys.log"):
            os.unlink("keys.log")
        recording = threading.Thread(target=relay.one)
        recording.start()
        if plain is not None:
            with socket.create_connection(("127.0.0.1", relay.port)) as raw:
                raw.sendall(plain)
                time.sleep(0.3)
        else:
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", "-keylogfile",
                       "keys.log"] + words
            asking = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            for line in talk:
                time.sleep(0.3)
                try:
                    asking.stdin.write(line)
                    asking.stdin.flush()
                except BrokenPipeError:
                    pass
            time.sleep(0.2)
            try:
                asking.stdin.close()
            except BrokenPipeError:
                pass
            try:
                asking.wait(3)
            except subprocess.TimeoutExpired:
                asking.kill()
        recording.join(8)
    serving.kill()
    serving.wait()
    keys = open("keys.log").read() if os.path.exists("keys.log") else ""
    lines = [f"# {name}: openssl s_server {' '.join(server)} / s_client {' '.join(client)}"]
    lines += [f"key {line}" for line in keys.splitlines() if line and not line.startswith("#")]
    lines += [f"{side} {at} {data.hex()}" for side, at, data in relay.pieces]
    if relay.closed:
        lines.append(f"closed {relay.closed[0]} {relay.closed[1]}")
    found = expected(relay.pieces, keys)
    lines += found
    with open(os.path.join(HOME, name + ".txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{name}: {len(relay.pieces)} pieces, {len(found)} messages")


HOME = os.getcwd()


def main():
    certificates()
    rsa = ["-cert", "rsa.pem", "-key", "rsa.key", "-cert_chain", "ca.pem"]
    ec = ["-cert", "ec.pem", "-key", "ec.key"]
    ed = ["-cert", "ed.pem", "-key", "ed.key"]
    name = ["-servername", "door.test"]
    old = ["-cipher", OLD]
    own = ["-cert", "client.pem", "-key", "client.key"]
    cases = [
        ("tls10-rsa", rsa + ["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"], ["-tls1"] + old),
        ("tls10-ecdhe-ecdsa", ec + ["-tls1"] + old, ["-tls1"] + old + name),
        ("tls11-rsa", rsa + ["-tls1_1", "-cipher", "AES256-SHA:@SECLEVEL=0"], ["-tls1_1"] + old),
        ("tls11-dhe", rsa + ["-tls1_1", "-dhparam", "dh.pem", "-cipher",
                             "DHE-RSA-AES128-SHA:@SECLEVEL=0"], ["-tls1_1"] + old),
        ("tls12-rsa", rsa + ["-tls1_2", "-cipher", "AES128-GCM-SHA256"], ["-tls1_2"] + name),
        ("tls12-rsa-cbc-no-etm", rsa + ["-tls1_2", "-cipher", "AES256-SHA256", "-no_etm"],
         ["-tls1_2"]),
        ("tls12-dhe", rsa + ["-tls1_2", "-dhparam", "dh.pem", "-cipher",
                             "DHE-RSA-AES256-GCM-SHA384"], ["-tls1_2"] + name),
        ("tls12-ecdhe-gcm", ec + ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-alpn",
                                  "h2,http/1.1"], ["-tls1_2", "-alpn", "h2"] + name),
        ("tls12-ecdhe-cbc", rsa + ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"],
         ["-tls1_2"] + name),
        ("tls12-chacha", rsa + ["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"],
         ["-tls1_2"] + name),
        ("tls12-ccm", rsa + ["-tls1_2", "-cipher", "AES128-CCM"],
         ["-tls1_2", "-cipher", "AES128-CCM"] + name),
        ("tls12-client-certificate", ec + ["-tls1_2", "-verify", "1"], ["-tls1_2"] + own),
        ("tls13-x25519", rsa + ["-tls1_3", "-alpn", "http/1.1"],
         ["-alpn", "h2,http/1.1", "-groups", "X25519"] + name),
        ("tls13-chacha", ec + ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], name),
        ("tls13-aes128-ed25519", ed + ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], name),
        ("tls13-ccm", ec + ["-ciphersuites", "TLS_AES_128_CCM_SHA256"],
         ["-ciphersuites", "TLS_AES_128_CCM_SHA256"]),
        ("tls13-ffdhe", ec + ["-groups", "ffdhe2048"], ["-groups", "ffdhe2048"]),
        ("tls13-retry", ec + ["-groups", "P-384"], ["-groups", "X25519:P-384"] + name),
        ("tls13-client-certificate", rsa + ["-verify", "1"], own + name),
        ("tls13-client-without-certificate", rsa + ["-verify", "1"], name),
        ("fail-client-only-tls11", rsa + ["-tls1_2"], ["-tls1_1"] + old),
        ("fail-no-common-suite", rsa + ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
         ["-tls1_2", "-cipher", "AES128-SHA"] + name),
        ("fail-no-common-group", ec + ["-groups", "P-384"], ["-groups", "X25519"]),
        ("fail-no-common-protocol", ec + ["-alpn", "h2"], ["-alpn", "imap"] + name),
        ("fail-unknown-ca-tls12", rsa + ["-tls1_2"], ["-verify_return_error"] + name),
        ("fail-unknown-ca-tls13", rsa, ["-verify_return_error"] + name),
        ("fail-certificate-required-tls12", rsa + ["-tls1_2", "-Verify", "1"], name),
        ("fail-certificate-required-tls13", rsa + ["-Verify", "1"], name),
        ("fail-unrecognized-name", rsa + ["-servername", "other.test", "-servername_fatal",
                                          "-cert2", "ec.pem", "-key2", "ec.key"], name),
    ]
    for case in cases:
        capture(*case)
    capture("tls13-key-update", ec, name, talk=(b"hello\n", b"K\n", b"again\n", b"Q\n"))
    capture("tls12-ticket", rsa + ["-tls1_2"], ["-sess_in", "s12", "-tls1_2"],
            first=["-sess_out", "s12", "-tls1_2"])
    capture("tls12-session-id", rsa + ["-tls1_2", "-no_ticket"], ["-sess_in", "s12", "-tls1_2"],
            first=["-sess_out", "s12", "-tls1_2"])
    capture("tls13-psk", rsa, ["-sess_in", "s13"] + name, first=["-sess_out", "s13"] + name)
    capture("tls13-psk-only", rsa + ["-allow_no_dhe_kex"],
            ["-sess_in", "s13", "-allow_no_dhe_kex"] + name, first=["-sess_out", "s13"] + name)
    with open("early.txt", "w") as file:
        file.write("GET / early\n")
    capture("tls13-early-data", rsa + ["-early_data"],
            ["-sess_in", "s13e", "-early_data", "early.txt"] + name,
            first=["-sess_out", "s13e"] + name)
    capture("fail-plain-http", rsa, [], plain=b"GET / HTTP/1.1\r\nHost: door.test\r\n\r\n")


if __name__ == "__main__":
    sys.exit(main())
