"""Generic netlink by hand: just enough for the "handshake" family."""

import os
import socket
import struct
from typing import NamedTuple

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1

FAMILY = "handshake"
GROUP = "tlshd"

# Commands and attributes of <linux/handshake.h>.
CMD_READY, CMD_ACCEPT, CMD_DONE = 1, 2, 3
ACCEPT_SOCKFD, ACCEPT_HANDLER_CLASS = 1, 2
ACCEPT_MESSAGE_TYPE, ACCEPT_AUTH_MODE = 3, 5
ACCEPT_PEERNAME = 8
DONE_STATUS, DONE_SOCKFD, DONE_REMOTE_AUTH = 1, 2, 3

_CTRL_GETFAMILY = 3
_CTRL_FAMILY_ID, _CTRL_FAMILY_NAME, _CTRL_GROUPS = 1, 2, 7
_GROUP_NAME, _GROUP_ID = 1, 2
_NLM_F_REQUEST = 1
NLMSG_ERROR = 2
_HEADER = struct.Struct("=IHHII")
_GENL = struct.Struct("=BBH")


class Family(NamedTuple):
    number: int
    group: int


CONTROLLER = Family(number=0x10, group=0)  # GENL_ID_CTRL


class Message(NamedTuple):
    kind: int       # nlmsg_type
    flags: int
    sequence: int
    port: int       # port id of the socket that asked
    body: bytes     # what follows the netlink header


def parse_messages(data: bytes) -> list[Message]:
    messages = []
    while len(data) >= _HEADER.size:
        length, kind, flags, sequence, port = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            break
        messages.append(Message(kind, flags, sequence, port,
                                data[_HEADER.size:length]))
        data = data[(length + 3) & ~3:]
    return messages


def parse_generic(body: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """The command and the attributes of a generic netlink message."""
    command, _, _ = _GENL.unpack_from(body)
    return command, parse_attributes(body[_GENL.size:])


def parse_attributes(data: bytes) -> list[tuple[int, bytes]]:
    attributes = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        attributes.append((kind & 0x3FFF, data[4:length]))
        data = data[(length + 3) & ~3:]
    return attributes


def open_socket() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
    sock.bind((0, 0))
    sock.settimeout(5)
    return sock


def request(family: Family, command: int,
            attributes: list[tuple[int, bytes]], sequence: int = 1) -> bytes:
    body = _GENL.pack(command, 1, 0)
    for kind, value in attributes:
        body += struct.pack("=HH", 4 + len(value), kind) + value
        body += b"\0" * (-len(value) % 4)
    return _HEADER.pack(_HEADER.size + len(body), family.number,
                        _NLM_F_REQUEST, sequence, 0) + body


def family_request(sequence: int = 1) -> bytes:
    """Asks the controller for the "handshake" family."""
    return request(CONTROLLER, _CTRL_GETFAMILY,
                   [(_CTRL_FAMILY_NAME, FAMILY.encode() + b"\0")], sequence)


def find_family() -> Family:
    with open_socket() as sock:
        sock.send(family_request())
        (answer, *_) = parse_messages(sock.recv(65536))
    if answer.kind == NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer.body)[0]
        raise OSError(code, os.strerror(code), FAMILY)
    attributes = dict(parse_generic(answer.body)[1])
    number = struct.unpack("=H", attributes[_CTRL_FAMILY_ID])[0]
    return Family(number, _group_id(attributes[_CTRL_GROUPS]))


def _group_id(groups: bytes) -> int:
    for _, group in parse_attributes(groups):
        fields = dict(parse_attributes(group))
        if fields[_GROUP_NAME].rstrip(b"\0").decode() == GROUP:
            return struct.unpack("=I", fields[_GROUP_ID])[0]
    raise LookupError(f"family {FAMILY} has no group {GROUP}")


def join_group(family: Family) -> socket.socket:
    """A socket that makes the kernel think that an agent is listening."""
    sock = open_socket()
    sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, family.group)
    return sock


def forge_ready(sock: socket.socket, family: Family) -> None:
    """Says READY to all who listen, as the kernel does for each request."""
    sock.sendto(request(family, CMD_READY, []), (0, 1 << (family.group - 1)))


def dropped(inodes: set[int]) -> int:
    """How many messages these netlink sockets had no room for."""
    with open("/proc/net/netlink", encoding="ascii") as table:
        next(table)
        rows = [line.split() for line in table]
    return sum(int(row[8]) for row in rows if int(row[9]) in inodes)


def listening_inodes(family: Family) -> set[int]:
    """Inodes of the sockets that are in the agents' group."""
    bit = 1 << (family.group - 1)
    inodes = set()
    with open("/proc/net/netlink", encoding="ascii") as table:
        next(table)
        for line in table:
            fields = line.split()
            if int(fields[1]) == NETLINK_GENERIC and int(fields[3], 16) & bit:
                inodes.add(int(fields[9]))
    return inodes
