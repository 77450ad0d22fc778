"""Tells the class of a certificate and what is wrong with it, from Python by ctypes.

    python3 certificates.py libmenshen.so cert.pem files.example.com
"""

import ctypes
import json
import sys
import time

CLASSES = ["none", "dv", "ov", "iv", "ev"]


class Menshen:
    def __init__(self, path):
        library = self.library = ctypes.CDLL(path)
        library.menshen_error_message.restype = ctypes.c_char_p
        for name, arguments in {
            "menshen_error_message": [ctypes.c_void_p],
            "menshen_error_free": [ctypes.c_void_p],
            "menshen_text_free": [ctypes.c_void_p],
            "menshen_certificate_class": [
                ctypes.c_char_p,
                ctypes.c_size_t,
                ctypes.POINTER(ctypes.c_int),
                ctypes.POINTER(ctypes.c_void_p),
            ],
            "menshen_certificate_explain": [
                ctypes.c_char_p,
                ctypes.c_size_t,
                ctypes.c_char_p,
                ctypes.c_int64,
                ctypes.POINTER(ctypes.c_void_p),
                ctypes.POINTER(ctypes.c_void_p),
            ],
        }.items():
            getattr(library, name).argtypes = arguments

    def must(self, error):
        if error:
            words = self.library.menshen_error_message(error).decode()
            self.library.menshen_error_free(error)
            raise ValueError(words)

    def certificate_class(self, pem):
        kind, error = ctypes.c_int(), ctypes.c_void_p()
        self.library.menshen_certificate_class(pem, len(pem), kind, error)
        self.must(error)
        return CLASSES[kind.value]

    def explain(self, pem, name, now):
        text, error = ctypes.c_void_p(), ctypes.c_void_p()
        self.library.menshen_certificate_explain(pem, len(pem), name.encode(), now, text, error)
        self.must(error)
        told = json.loads(ctypes.string_at(text))
        self.library.menshen_text_free(text)
        return told


def main(library, path, name):
    menshen = Menshen(library)
    with open(path, "rb") as file:
        pem = file.read()
    print("class", menshen.certificate_class(pem))
    told = menshen.explain(pem, name, int(time.time()))
    print(told["verdict"]["text"])
    for finding in told["findings"]:
        print(finding["severity"], finding["claim"])
    try:
        menshen.certificate_class(b"no certificate")
    except ValueError as refused:
        print("refused:", refused)


if __name__ == "__main__":
    main(*sys.argv[1:])
