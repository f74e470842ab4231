"""Both NVMe/TCP ends in the guest: the kernel's target and its host.

No nvme-cli: the target is set up in configfs, the host through
/dev/nvme-fabrics, keys by keyctl.
"""

import base64
import os
import pathlib
import secrets
import subprocess
import threading
import zlib

from guest import features, machine, secrets_seen, wait

_HOST_ID = "11111111-2222-3333-4444-555555555555"
HOST = f"nqn.2014-08.org.nvmexpress:uuid:{_HOST_ID}"
SUBSYSTEM = "nqn.2026-01.example:sub1"
BACKING = pathlib.Path("/run/namespace")
SIZE = 8 << 20
# Of each side: the admin queue and one queue for I/O.
QUEUES = 2
DEVICE = pathlib.Path("/dev/nvme0n1")
PORT = 4420
_CONTROLLERS = pathlib.Path("/sys/class/nvme")
_CONTROLLER = _CONTROLLERS / "nvme0"
_CONFIG = pathlib.Path("/sys/kernel/config")
_TARGET = _CONFIG / "nvmet"
# Possessor and owner may do everything with a keyring of ours, as with .nvme.
_ALL = "0x3f3f0000"


def built() -> bool:
    """Whether this kernel has them, by itself or by beds/modules.py."""
    return not features.missing(("nvme",))


def load_modules() -> None:
    """With them comes the keyring .nvme."""
    machine.load_modules("configfs")
    machine.load_built_modules("nvme-keyring", "nvme-core", "nvme-fabrics",
                               "nvme-tcp", "nvmet", "nvmet-tcp")
    if not os.path.ismount(_CONFIG):
        machine.mount("configfs", str(_CONFIG), "configfs")


def identity(hash_name: str = "01", subsystem: str = SUBSYSTEM) -> str:
    return f"NVMe1R{hash_name} {HOST} {subsystem} ZGlnZXN0"


def old_identity(hash_name: str) -> str:
    """Of version 0, which has no digest."""
    return f"NVMe0R{hash_name} {HOST} {SUBSYSTEM}"


def add_key(name: str, key: bytes, keyring: str = "%:.nvme") -> int:
    """Adds a PSK; returns its serial."""
    secrets_seen.remember(key)
    added = subprocess.run(["keyctl", "padd", "psk", name, keyring], input=key,
                           capture_output=True, check=True, timeout=30)
    return int(added.stdout)


def new_keyring(name: str) -> str:
    serial = machine.run("keyctl", "newring", name, "@u").stdout.strip()
    machine.run("keyctl", "setperm", serial, _ALL)
    return serial


def forget_key(key: int) -> None:
    machine.run("keyctl", "unlink", str(key), "%:.nvme")


def revoke(key: int) -> None:
    """One of .nvme: only who possesses it may."""
    machine.run("keyctl", "session", "-", "sh", "-c",
                f"keyctl link %:.nvme @s && keyctl revoke {key}")


def serve(address: str = "127.0.0.1", *, required: bool = True) -> None:
    """A subsystem of one file, on a port that takes TLS, or only that."""
    BACKING.write_bytes(bytes(SIZE))
    subsystem = _TARGET / "subsystems" / SUBSYSTEM
    subsystem.mkdir()
    _set(subsystem, "attr_allow_any_host", "1")
    namespace = subsystem / "namespaces/1"
    namespace.mkdir()
    _set(namespace, "device_path", str(BACKING))
    _set(namespace, "buffered_io", "1")
    _set(namespace, "enable", "1")
    port = _TARGET / "ports/1"
    port.mkdir()
    for name, value in {"adrfam": "ipv4", "trtype": "tcp",
                        "traddr": address, "trsvcid": str(PORT),
                        "tsas": "tls1.3"}.items():
        _set(port, f"addr_{name}", value)
    if not required:
        _set(port, "addr_treq", "not required")
    (port / "subsystems" / SUBSYSTEM).symlink_to(subsystem)


def authenticate(secret: str) -> None:
    """The target takes no host but ours, which has to know the secret."""
    host = _TARGET / "hosts" / HOST
    host.mkdir()
    for name, value in {"key": secret, "hash": "hmac(sha256)",
                        "dhgroup": "ffdhe2048"}.items():
        _set(host, f"dhchap_{name}", value)
    subsystem = _TARGET / "subsystems" / SUBSYSTEM
    _set(subsystem, "attr_allow_any_host", "0")
    (subsystem / "allowed_hosts" / HOST).symlink_to(host)


def new_secret() -> str:
    """For DH-HMAC-CHAP, as `nvme gen-dhchap-key` writes it."""
    key = secrets.token_bytes(32)
    secrets_seen.remember(key)
    checked = key + zlib.crc32(key).to_bytes(4, "little")
    return f"DHHC-1:00:{base64.b64encode(checked).decode()}:"


def _set(folder: pathlib.Path, name: str, value: str) -> None:
    with open(folder / name, "w", encoding="ascii") as out:
        out.write(value)


def connect(*, tls: bool = True, **options: object) -> None:
    """Connects; an OSError says what the kernel thinks of it.

    `options` are those of /dev/nvme-fabrics, as tls_key; None for a word
    without a value.
    """
    fabrics = os.open("/dev/nvme-fabrics", os.O_RDWR)
    try:
        os.write(fabrics, _wanted(tls, options).encode())
    finally:
        os.close(fabrics)
    wait.until(DEVICE.exists, f"{DEVICE}", 20)


def start_connect(**options: object) -> subprocess.Popen:
    """A connection with TLS that will not come about; the caller waits."""
    return subprocess.Popen(
        ["sh", "-c", 'echo "$1" >/dev/nvme-fabrics', "sh",
         _wanted(True, options)],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wanted(tls: bool, options: dict[str, object]) -> str:
    wanted = {"transport": "tcp", "traddr": "127.0.0.1", "trsvcid": PORT,
              "nqn": SUBSYSTEM, "hostnqn": HOST, "hostid": _HOST_ID,
              "nr_io_queues": 1, **options}
    words = [name if value is None else f"{name}={value}"
             for name, value in wanted.items()]
    return ",".join(words + ["tls"] * tls)


def connect_more(controllers: int, **options: object) -> None:
    """Further controllers to the same subsystem."""
    for _ in range(controllers):
        connect(duplicate_connect=None, **options)


def controllers() -> list[pathlib.Path]:
    return sorted(_CONTROLLERS.iterdir())


def reset() -> None:
    """Drops the connections and makes them anew."""
    _set(_CONTROLLER, "reset_controller", "1")


def reset_all() -> None:
    """The same for every controller, all at once."""
    resets = [threading.Thread(target=_set, daemon=True,
                               args=(one, "reset_controller", "1"))
              for one in controllers()]
    for one in resets:
        one.start()
    for one in resets:
        one.join(60)


def disconnect() -> None:
    for one in controllers():
        _set(one, "delete_controller", "1")


def connected() -> bool:
    try:
        return (_CONTROLLER / "state").read_text().strip() == "live"
    except OSError:
        return False


def gone() -> bool:
    """The host has given the controller up."""
    return not _CONTROLLER.exists()


def key_in_use() -> int:
    """The serial that the host's controller shows, in hexadecimal."""
    return int((_CONTROLLER / "tls_key").read_text(), 16)


def write(data: bytes) -> None:
    with open(DEVICE, "r+b", buffering=0) as out:
        out.write(data)
        os.fsync(out.fileno())


def read(size: int) -> bytes:
    """From the target: the host's own copy is dropped first."""
    machine.drop_caches()
    with open(DEVICE, "rb", buffering=0) as device:
        data = b""
        while len(data) < size:
            data += device.read(size - len(data))
        return data


def check_data(bed, size: int = 1 << 20) -> None:
    """Data survives both ways through the device."""
    data = secrets.token_bytes(size)
    write(data)
    assert BACKING.read_bytes()[:size] == data, \
        "the target's file differs from what was written"
    assert read(size) == data, "reading back gave other data"
    bed.note(f"{size} bytes written and read back, equal")
