"""ClientHellos, and what else a client may say first, byte by byte."""

import hashlib
import os
import struct

_HANDSHAKE, _ALERT, _CHANGE_CIPHER_SPEC = 22, 21, 20
_CLIENT_HELLO, _SERVER_HELLO, _KEY_UPDATE = 1, 2, 24
_RETRY_RANDOM = hashlib.sha256(b"HelloRetryRequest").digest()
_LARGEST_RECORD = 1 << 14
_WARNING, _FATAL = 1, 2
_CLOSE_NOTIFY, _HANDSHAKE_FAILURE, _USER_CANCELED = 0, 40, 90
_SUPPORTED_GROUPS, _SIGNATURE_ALGORITHMS = 10, 13
_SUPPORTED_VERSIONS, _KEY_SHARE = 43, 51
_FIRST_UNKNOWN_EXTENSION = 0x7000


def record(kind: int, data: bytes) -> bytes:
    return struct.pack(">BHH", kind, 0x0303, len(data)) + data


def handshake(kind: int, body: bytes) -> bytes:
    """One message, in as many records as it takes."""
    message = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return b"".join(
        record(_HANDSHAKE, message[begin:begin + _LARGEST_RECORD])
        for begin in range(0, len(message), _LARGEST_RECORD))


def client_hello(*, unknown_extensions: int = 0) -> bytes:
    """Complete but for a key share: a server asks for one, once."""
    extensions = [(_SUPPORTED_VERSIONS, b"\x02\x03\x04"),
                  (_SUPPORTED_GROUPS, b"\x00\x04\x00\x1d\x00\x17"),
                  (_SIGNATURE_ALGORITHMS, b"\x00\x06\x04\x03\x08\x04\x08\x07"),
                  (_KEY_SHARE, b"\x00\x00")]
    extensions += [(_FIRST_UNKNOWN_EXTENSION + number, b"")
                   for number in range(unknown_extensions)]
    listed = b"".join(struct.pack(">HH", kind, len(body)) + body
                      for kind, body in extensions)
    return handshake(_CLIENT_HELLO, b"".join((
        b"\x03\x03", os.urandom(32), b"\x00",       # no session id
        b"\x00\x04\x13\x01\x13\x02", b"\x01\x00",   # suites; no compression
        struct.pack(">H", len(listed)), listed)))


def hello_that_says_it_has(length: int) -> bytes:
    """The header of a ClientHello of this length, and as much of it as fits
    into the record."""
    header = bytes([_CLIENT_HELLO]) + length.to_bytes(3, "big")
    return record(_HANDSHAKE, header.ljust(_LARGEST_RECORD, b"\0"))


def is_retry_request(data: bytes) -> bool:
    """A ServerHello with the random value that makes it one."""
    return data[:1] == bytes([_HANDSHAKE]) and \
        data[5:6] == bytes([_SERVER_HELLO]) and data[11:43] == _RETRY_RANDOM


BEGINNING_OF_A_HELLO = record(_HANDSHAKE, bytes([_CLIENT_HELLO]).ljust(256,
                                                                       b"\0"))
KEY_UPDATE = handshake(_KEY_UPDATE, b"\x01")
EMPTY_RECORD = record(_HANDSHAKE, b"")
CHANGE_CIPHER_SPEC = record(_CHANGE_CIPHER_SPEC, b"\x01")
USER_CANCELED = record(_ALERT, bytes([_WARNING, _USER_CANCELED]))
CLOSE_NOTIFY = record(_ALERT, bytes([_WARNING, _CLOSE_NOTIFY]))
FATAL_ALERT = record(_ALERT, bytes([_FATAL, _HANDSHAKE_FAILURE]))
RECORD_OF_NO_TYPE = record(99, b"\0")
HALF_A_RECORD_HEADER = EMPTY_RECORD[:3]
CALL_IN_CLEAR_TEXT = b"\x80\x00\x00\x28" + bytes(40)
RECORD_LONGER_THAN_ANY = struct.pack(">BHH", _HANDSHAKE, 0x0301, 0xffff)
