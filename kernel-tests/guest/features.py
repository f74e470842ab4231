"""What the kernel of the guest has, so that a case can say what it needs.

Asked of the kernel itself, by use, never by its version.
"""

import errno
import pathlib
import socket
import struct
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from guest import genl, machine

_NETLINK_SOCK_DIAG, _SOCK_DESTROY = 4, 21
_NLM_F_REQUEST_ACK = 5
_SOL_TLS, _TLS_TX_MAX_PAYLOAD_LEN = 282, 5


class Feature(NamedTuple):
    name: str               # for people
    option: str             # of the kernel's configuration
    there: Callable[[], bool]


def missing(needs: tuple[str, ...]) -> str:
    """Why a case with these needs cannot run; empty when it can."""
    lacks = [FEATURES[need] for need in needs if not FEATURES[need].there()]
    return " and ".join(f"the kernel has no {f.name} (CONFIG_{f.option})"
                        for f in lacks)


def _has_handshake() -> bool:
    try:
        genl.find_family()
    except OSError:
        return False
    return True


def _has_ktls() -> bool:
    machine.load_modules("tls")
    return pathlib.Path("/proc/net/tls_stat").exists()


def _has_nfs() -> bool:
    known = pathlib.Path("/proc/filesystems").read_text().split()
    return "nfs4" in known and "nfsd" in known


def _has_nvme() -> bool:
    return all(map(_nvme_end_has_tls, ("nvme-tcp", "nvmet-tcp")))


def _nvme_end_has_tls(module: str) -> bool:
    """Its parameter is there only where it was built with TLS."""
    parameter = "tls_handshake_timeout"
    folder = pathlib.Path("/sys/module") / module.replace("-", "_")
    if (folder / "parameters" / parameter).exists():
        return True
    own = machine.built_modules() / f"{module}.ko"
    listed = machine.run("modinfo", str(own) if own.exists() else module,
                         check=False)
    return parameter in listed.stdout


def _has_secure_concatenation() -> bool:
    """The host says which options it takes."""
    machine.load_modules("nvme-fabrics")
    fabrics = pathlib.Path("/dev/nvme-fabrics")
    options = fabrics.read_text() if fabrics.exists() else ""
    return "concat" in options and "dhchap_secret" in options


def _has_asymmetric_keys() -> bool:
    """Without the type nobody looks at what is no certificate."""
    added = subprocess.run(["keyctl", "padd", "asymmetric", "probe", "@s"],
                           input=b"no certificate", capture_output=True,
                           check=False, timeout=30)
    return b"No such device" not in added.stderr


def _has_sock_destroy() -> bool:
    """A socket that does not exist: found missing only by who would look."""
    machine.load_modules("tcp_diag")
    identity = struct.pack(">HH", 1, 1) + bytes(32) + struct.pack(
        "=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0,
                       0xFFFFFFFF) + identity
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       _NETLINK_SOCK_DIAG) as sock:
        sock.settimeout(5)
        sock.send(struct.pack("=IHHII", 16 + len(body), _SOCK_DESTROY,
                              _NLM_F_REQUEST_ACK, 1, 0) + body)
        (answer, *_) = genl.parse_messages(sock.recv(4096))
    return -struct.unpack_from("=i", answer.body)[0] == errno.ENOENT


def _limits_records() -> bool:
    machine.load_modules("tls")
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.create_connection(listener.getsockname()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_ULP, b"tls")
        try:
            sock.setsockopt(_SOL_TLS, _TLS_TX_MAX_PAYLOAD_LEN,
                            struct.pack("=H", 16384))
        except OSError as error:
            return error.errno != errno.ENOPROTOOPT
    return True


def _has_veth() -> bool:
    machine.load_modules("veth")
    made = machine.run("ip", "link", "add", "probe0", "type", "veth", "peer",
                       "name", "probe1", check=False)
    if made.returncode == 0:
        machine.run("ip", "link", "delete", "probe0")
    return made.returncode == 0


def _has_ipv6() -> bool:
    place = pathlib.Path("/proc/sys/net/ipv6")
    if not place.is_dir():
        machine.load_modules("ipv6")
    return place.is_dir()


FEATURES = {
    "handshake": Feature("handshake upcall", "NET_HANDSHAKE", _has_handshake),
    "ktls": Feature("kernel TLS", "TLS", _has_ktls),
    "nfs": Feature("NFS client and server", "NFSD_V4, CONFIG_NFS_V4",
                   _has_nfs),
    "nvme": Feature("NVMe/TCP host and target with TLS",
                    "NVME_TCP_TLS, CONFIG_NVME_TARGET_TCP_TLS", _has_nvme),
    "secure-concatenation": Feature(
        "secure channel concatenation of NVMe/TCP",
        "NVME_HOST_AUTH, CONFIG_NVME_TARGET_AUTH, Linux 6.15",
        _has_secure_concatenation),
    "asymmetric-keys": Feature("keys for certificates", "ASYMMETRIC_KEY_TYPE",
                               _has_asymmetric_keys),
    "sock-destroy": Feature("way to end a connection", "INET_DIAG_DESTROY",
                            _has_sock_destroy),
    "record-size-limit": Feature("limit of records' size",
                                 "TLS, TLS_TX_MAX_PAYLOAD_LEN",
                                 _limits_records),
    "veth": Feature("cables between namespaces", "VETH", _has_veth),
    "ipv6": Feature("IPv6", "IPV6", _has_ipv6),
}
