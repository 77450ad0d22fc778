#!/usr/bin/env python3
"""Ends of PPTP that are not as they should be, for tests of the live probe. Says "ready" when it is.

  refuse ADDR          greets, and refuses every call: result 2, error 4
  mute ADDR            takes connections on 1723 and says nothing
  banner ADDR          something else than PPTP on 1723
  hold ADDR            a client: holds one call of the server ADDR until it is ended
"""
import socket, struct, sys, threading

MAGIC = 0x1A2B3C4D


def message(kind, body):
    return struct.pack(">HHIHH", 12 + len(body), 1, MAGIC, kind, 0) + body


def greeting(kind):
    head = struct.pack(">HBBIIHH", 0x0100, 1, 0, 3, 3, 0, 1)
    return message(kind, head + b"test".ljust(64, b"\0") + b"stand-in".ljust(64, b"\0"))


def read(peer, octets):
    came = b""
    while len(came) < octets:
        piece = peer.recv(octets - len(came))
        if not piece:
            raise OSError("closed")
        came += piece
    return came


def refuse(peer):
    read(peer, 156)
    peer.sendall(greeting(2))
    asked = read(peer, 168)
    peer.sendall(message(8, struct.pack(">HHBBHIHHI", 0, *struct.unpack(">H", asked[12:14]), 2, 4, 0, 0, 3, 0, 0)))
    peer.recv(999)


def banner(peer):
    peer.sendall(b"SSH-2.0-nothing\r\n")
    peer.recv(999)


def hold(address):
    # Else the kernel refuses the server's GRE, which ends every call of this address there.
    gre = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
    peer = socket.create_connection((address, 1723))
    peer.sendall(greeting(1))
    read(peer, 156)
    body = struct.pack(">HHIIIIHHHH", 7, 1, 300, 10**8, 3, 3, 64, 0, 0, 0) + bytes(128)
    peer.sendall(message(7, body))
    read(peer, 32)
    print("ready", flush=True)
    sys.stdin.read()
    gre.close()


def serve(address, port, each):
    listener = socket.create_server((address, port))
    print("ready", flush=True)

    def one(peer):
        try:
            each(peer)
        except OSError:
            pass
        peer.close()

    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def main():
    what, address = sys.argv[1:]
    if what == "hold":
        return hold(address)
    ways = {"refuse": refuse, "mute": lambda peer: peer.recv(999) and peer.recv(999), "banner": banner}
    serve(address, 1723, ways[what])


main()
