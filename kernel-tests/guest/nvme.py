"""Both NVMe/TCP ends in the guest: the kernel's target and its host.

No nvme-cli: the target is set up in configfs, the host through
/dev/nvme-fabrics, keys by keyctl.
"""

import os
import pathlib
import subprocess
import uuid

from guest import features, machine, wait

HOST = "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"
SUBSYSTEM = "nqn.2026-01.example:sub1"
BACKING = pathlib.Path("/run/namespace")
SIZE = 8 << 20
DEVICE = pathlib.Path("/dev/nvme0n1")
_PORT = 4420
_CONTROLLER = pathlib.Path("/sys/class/nvme/nvme0")
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


def add_key(name: str, key: bytes, keyring: str = "%:.nvme") -> int:
    """Adds a PSK; returns its serial."""
    added = subprocess.run(["keyctl", "padd", "psk", name, keyring], input=key,
                           capture_output=True, check=True, timeout=30)
    return int(added.stdout)


def new_keyring(name: str) -> str:
    serial = machine.run("keyctl", "newring", name, "@u").stdout.strip()
    machine.run("keyctl", "setperm", serial, _ALL)
    return serial


def revoke(key: int) -> None:
    machine.run("keyctl", "revoke", str(key))


def serve() -> None:
    """A subsystem of one file, on a port that takes TLS only."""
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
                        "traddr": "127.0.0.1", "trsvcid": str(_PORT),
                        "tsas": "tls1.3"}.items():
        _set(port, f"addr_{name}", value)
    (port / "subsystems" / SUBSYSTEM).symlink_to(subsystem)


def _set(folder: pathlib.Path, name: str, value: str) -> None:
    with open(folder / name, "w", encoding="ascii") as out:
        out.write(value)


def connect(**options: object) -> None:
    """Connects with TLS; an OSError says what the kernel thinks of it.

    `options` are those of /dev/nvme-fabrics, as tls_key.
    """
    wanted = {"transport": "tcp", "traddr": "127.0.0.1", "trsvcid": _PORT,
              "nqn": SUBSYSTEM, "hostnqn": HOST, "hostid": uuid.uuid4(),
              "nr_io_queues": 1, **options}
    words = [f"{name}={value}" for name, value in wanted.items()] + ["tls"]
    fabrics = os.open("/dev/nvme-fabrics", os.O_RDWR)
    try:
        os.write(fabrics, ",".join(words).encode())
    finally:
        os.close(fabrics)
    wait.until(DEVICE.exists, f"{DEVICE}", 20)


def reset() -> None:
    """Drops the connections and makes them anew."""
    _set(_CONTROLLER, "reset_controller", "1")


def disconnect() -> None:
    _set(_CONTROLLER, "delete_controller", "1")


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


def tls_counters() -> dict[str, int]:
    lines = pathlib.Path("/proc/net/tls_stat").read_text().splitlines()
    return {name: int(value) for name, value in map(str.split, lines)}
