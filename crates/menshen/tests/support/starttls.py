"""A server that speaks one protocol up to TLS, one client after the other, by Python's ssl module.

Arguments: protocol, port, certificate, key, "yes" or "no": whether it offers TLS.
"""
import socket
import ssl
import sys

protocol, port, certificate, key, offers = sys.argv[1:]
offers = offers == "yes"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
ANSWERS = {
    "smtp": {"EHLO": "250-mx.test\r\n250-SIZE 1\r\n250 STARTTLS", "STARTTLS": "220 go"},
    "imap": {"CAPABILITY": "* CAPABILITY IMAP4rev1 STARTTLS\r\nm1 OK", "STARTTLS": "m2 OK go"},
    "pop3": {"STLS": "+OK go"},
    "ftp": {"AUTH": "234 go"},
}[protocol]
REFUSALS = {"smtp": "502 what", "imap": "m1 BAD what", "pop3": "-ERR what", "ftp": "502 what"}
GREETINGS = {"smtp": "220 mx.test", "imap": "* OK hi", "pop3": "+OK hi", "ftp": "220-hi\r\n220 hi"}


def serve(stream):
    stream.sendall((GREETINGS[protocol] + "\r\n").encode())
    for line in stream.makefile("r", newline="\r\n"):
        words = line.split()
        word = words[1] if protocol == "imap" else words[0]
        answer = ANSWERS.get(word, REFUSALS[protocol])
        if not offers:
            answer = answer.replace("\r\n250 STARTTLS", "\r\n250 HELP").replace(" STARTTLS", "")
            if word in ("STARTTLS", "STLS", "AUTH"):
                answer = REFUSALS[protocol]
        stream.sendall((answer + "\r\n").encode())
        if answer.endswith(" go"):
            context.wrap_socket(stream, server_side=True).recv(1)
            return


listener = socket.create_server(("127.0.0.1", int(port)))
while True:
    client, _ = listener.accept()
    try:
        with client:
            serve(client)
    except OSError:
        pass
