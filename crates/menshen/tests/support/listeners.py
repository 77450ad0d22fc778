"""Opens a socket as the words say and does with it what the first one says, until it is ended.

listeners.py accept|hold|leak|fork|inherit FAMILY ADDRESS PORT [WORD...]
accept: accepts in a thread. hold: never accepts. fork: three children with a socket each, that
accept. inherit: the same, and each child has the sockets of all. leak: accepts on one socket, while a child holds another of the same group.
"""
import os
import socket
import sys
import threading
import time

mode, family, address, port, *words = sys.argv[1:]
port = int(port)
values = dict(word.split("=", 1) for word in words if "=" in word)


def make():
    kind = socket.SOCK_DGRAM if "udp" in words else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, kind)
    if "reuse" in words:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if "only" in values:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(values["only"]))
    if "defer" in values:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(values["defer"]))
    if "device" in values:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, values["device"].encode())
    made.bind((address, port))
    if "udp" not in words:
        made.listen(int(values.get("backlog", 16)))
    return made


def accept(listener):
    kept = []
    while True:
        kept.append(listener.accept()[0])


def in_background(listener):
    threading.Thread(target=accept, args=(listener,), daemon=True).start()


def child(run):
    """A child that ends with its parent."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(writer)
        run()
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    return writer


if mode == "fork":
    kept = [child(lambda: in_background(make())) for _ in range(3)]
    time.sleep(0.3)
elif mode == "inherit":
    made = [make() for _ in range(3)]
    kept = [child(lambda one=one: in_background(one)) for one in made]
    time.sleep(0.3)
elif mode == "leak":
    leaked = make()
    kept = child(lambda: None)
    leaked.close()
    in_background(make())
else:
    listener = make()
    if mode == "accept":
        in_background(listener)
    clients = []
    for _ in range(int(values.get("fill", 0))):
        client = socket.socket(listener.family)
        client.setblocking(False)
        client.connect_ex((values.get("from", address), port))
        clients.append(client)
    time.sleep(0.1 if clients else 0)
    if "heir" in values:
        os.set_inheritable(listener.fileno(), True)
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", values["heir"]])
print("ready", flush=True)
sys.stdin.read()
