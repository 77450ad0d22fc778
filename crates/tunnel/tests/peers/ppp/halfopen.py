#!/usr/bin/env python3
"""Opens NUMBER control connections to ADDRESS from so many sources, 10.99.0.1 on: in turn nothing
is said, greeted, and asked for a call that never speaks PPP. Says READY when the server has had a
second for the last of them, and holds them until its input ends.

  halfopen.py ADDRESS NUMBER SOURCES"""
import socket, struct, sys, time

HEAD = struct.Struct(">HHIHH")


def message(kind, body):
    return HEAD.pack(HEAD.size + len(body), 1, 0x1A2B3C4D, kind, 0) + body


START = message(1, struct.pack(">HHIIHH64s64s", 0x100, 0, 1, 1, 0, 1, b"crowd", b"crowd"))


def call(number):
    body = struct.pack(">HHIIIIHHHH64s64s", number, 1, 300, 10**8, 3, 3, 64, 0, 0, 0, b"", b"")
    return message(7, body)


def main():
    held = []
    for number in range(int(sys.argv[2])):
        line = socket.socket()
        line.settimeout(20)
        line.bind((f"10.99.0.{1 + number % int(sys.argv[3])}", 0))
        try:
            line.connect((sys.argv[1], 1723))
            if number % 3 > 0:
                line.sendall(START)
            if number % 3 > 1:
                line.sendall(call(number + 1))
        except OSError:
            pass # refused: that is what is looked at from the other side
        held.append(line)
    time.sleep(1)
    print("READY", flush=True)
    sys.stdin.read()


main()
