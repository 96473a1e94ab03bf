"""Bytes and texts that have once cost this door more than they may: an error of its own, minutes, or memory."""

from __future__ import annotations

import struct

_MANY = 100_000


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


# What a client that has signed in sends, by what is wrong with it.
SIGNED_IN = {
    "a literal of a megabyte, which took two hundred": _message(b"Q", b"SELECT '" + b"x" * 1_000_000 + b"'\0"),
    "a script of nothing": _message(b"Q", b";" * 1_000_000 + b"\0"),
    "65,535 parameter types": _message(b"P", b"s\0SELECT 1\0\xff\xff" + b"\0\0\0\x17" * 65_535),
    "65,535 parameters": _message(b"B", b"\0\0\0\0\xff\xff" + b"\xff\xff\xff\xff" * 65_535 + b"\0\0"),
    "65,535 formats": _message(b"B", b"\0\0\xff\xff" + b"\0\1" * 65_535 + b"\0\0\0\0"),
    "a count without its items": _message(b"B", b"\0\0\xff\xff"),
    "a length that is negative": b"Q\xff\xff\xff\xff",
    "a value whose length is negative": _message(b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"),
    "a query that is not UTF-8": _message(b"Q", b"SELECT '\xff'\0"),
    "names that are not UTF-8": _message(b"P", b"\xff\0\0\0\0") * 2 + _message(b"S", b""),
    "a name that is not UTF-8": _message(b"P", b"\xff\0SELECT 1\0\0\0") + _message(b"S", b""),
    "NUL within a text": _message(b"Q", b"SELECT '\0'\0"),
    "a limit below zero": _message(b"E", b"\0\xff\xff\xff\xff") + _message(b"S", b""),
    "a thousand errors": _message(b"P", b"\0SELEKT\0\0\0") * 1_000 + _message(b"S", b""),
    "a thousand syncs": _message(b"S", b"") * 1_000,
    "a terminate within a series": _message(b"P", b"\0SELECT 1\0\0\0") + _message(b"X", b"") + _message(b"S", b""),
}

# Statements that no grammar may look at more than once.
TEXTS = {
    "spaces before what is missing, COPY": "COPY a " + " " * _MANY + "x",
    "spaces before what is missing, PREPARE": "PREPARE a " + " " * _MANY + "x",
    "spaces before what is missing, DECLARE": "DECLARE a CURSOR" + " " * _MANY + "x",
    "quotes that may be parted in many ways, COPY": "COPY " + '""""' * _MANY + " x",
    "quotes that may be parted in many ways, PREPARE": "PREPARE " + '""""' * _MANY + " x",
    "words that repeat, DECLARE": "DECLARE a" + " no" * _MANY + " x",
    "parentheses that do not end": "COPY (" + "(" * _MANY,
    "comments that do not end": "/*" * _MANY,
    "dollars": "$" * _MANY,
    "dollar quotes that do not end": "$a$" * _MANY,
    "backslashes": "E'" + "\\'" * _MANY,
}
