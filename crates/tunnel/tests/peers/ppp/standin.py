#!/usr/bin/env python3
"""Stands in for pppd where the kernel has no PPP: HDLC as on a serial line, over stdin and stdout,
and LCP alone. It asks for a magic number and an MRU of 1400, takes MRU, ACCM, magic, PFC and ACFC,
rejects all else, answers echoes, and ends after a Terminate-Request or $STANDIN_SECS seconds (120).
$STANDIN_AUTH has the methods of authentication it asks for, as values of option 3 in hex, its
preferred one first: a Nak moves it to the one that is suggested if it has that, else to its next
one; with none left it asks for none, and ends the link when that is taken. What it sees goes to the file $STANDIN_LOG. pptpd starts it with arguments that mean nothing here."""
import os, select, struct, sys, time, tty

LOG = open(os.environ["STANDIN_LOG"], "a", buffering=1)
TAKEN = {1, 2, 5, 7, 8}


def checksum(octets):
    value = 0xFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value ^ 0xFFFF


def send(code, number, body):
    frame = b"\xff\x03\xc0\x21" + struct.pack(">BBH", code, number, 4 + len(body)) + body
    frame += struct.pack("<H", checksum(frame))
    line = bytearray(b"~")
    for octet in frame:
        line += bytes([0x7D, octet ^ 0x20]) if octet < 0x20 or octet in b"}~" else bytes([octet])
    os.write(1, bytes(line + b"~"))


def frames(data):
    *whole, rest = data.split(b"~")
    found = []
    for part in whole:
        plain, escaped = bytearray(), 0
        for octet in part:
            if octet == 0x7D:
                escaped = 0x20
            else:
                plain.append(octet ^ escaped)
                escaped = 0
        if len(plain) > 4 and checksum(plain[:-2]) == struct.unpack("<H", plain[-2:])[0]:
            body = bytes(plain[:-2])
            found.append(body[2:] if body[:2] == b"\xff\x03" else body)
    return found, rest


def options(body):
    while len(body) >= 2 and body[1] >= 2:
        yield body[0], body[: body[1]]
        body = body[body[1] :]


def main():
    try:
        tty.setraw(0)
    except OSError:
        pass
    magic, rest, number, again = os.urandom(4), b"", 0, 0
    methods = [bytes.fromhex(word) for word in os.environ.get("STANDIN_AUTH", "").split()]
    left = methods[:]
    ours, theirs, told = False, False, False
    end = time.time() + float(os.environ.get("STANDIN_SECS", "120"))
    while time.time() < end:
        if not ours and time.time() >= again:
            number, again = number + 1 & 255, time.time() + 1
            proof = bytes([3, 2 + len(left[0])]) + left[0] if left else b""
            send(1, number, struct.pack(">BBH", 1, 4, 1400) + proof + b"\x05\x06" + magic)
        if not select.select([0], [], [], 0.2)[0]:
            continue
        data = os.read(0, 4096)
        if not data:
            return
        found, rest = frames(rest + data)
        for frame in found:
            if frame[:2] != b"\xc0\x21":
                print("protocol", frame[:2].hex(), file=LOG)
                continue
            code, their, length = struct.unpack(">BBH", frame[2:6])
            body = frame[6 : 2 + length]
            if code == 1:
                if ours and theirs:
                    ours, theirs, left, again = False, False, methods[:], 0
                bad = b"".join(all for kind, all in options(body) if kind not in TAKEN)
                send(4 if bad else 2, their, bad or body)
                theirs |= not bad
            elif code == 2 and their == number:
                ours = True
                if methods and not left:
                    send(5, 99, b"peer refused to authenticate")
            elif code == 3 and their == number:
                wanted = [all[2:] for kind, all in options(body) if kind == 3]
                left = wanted if wanted[0] in left else left[1:]
                again = 0
            elif code == 9:
                send(10, their, magic)
            elif code == 5:
                print("LCP TermReq", body.decode("latin1"), file=LOG)
                send(6, their, b"")
                time.sleep(0.2)
                return
            if ours and theirs and not told:
                told = True
                print("LCP OPENED", file=LOG)


try:
    main()
except OSError as error:
    print("ended:", error, file=LOG)
sys.exit(0)
