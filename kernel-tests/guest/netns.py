"""A second network namespace, with a cable to the first one."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from guest import machine, wait

# The far end is called "server" by its certificates (../pki.py).
FAR, NEAR = "10.77.0.1", "10.77.0.2"
FAR6, NEAR6 = "fd77::1", "fd77::2"
NAMES = f"{FAR} server.example\n{FAR6} server6.example\n"


def make(name: str) -> None:
    """Makes the namespace; NAMES are known from now on."""
    machine.load_modules("veth")
    if not pathlib.Path("/proc/sys/net/ipv6").is_dir():
        machine.load_modules("ipv6")
    machine.run("ip", "netns", "add", name)
    machine.run("ip", "link", "add", "near", "type", "veth", "peer", "name",
                "far", "netns", name)
    machine.run("ip", "-n", name, "link", "set", "lo", "up")
    _set_up("near", NEAR, NEAR6)
    _set_up("far", FAR, FAR6, "-n", name)
    pathlib.Path("/run/hosts").write_text("127.0.0.1 localhost\n" + NAMES)
    wait.until(lambda: "LOWER_UP" in machine.run("ip", "link", "show",
                                                 "near").stdout,
               "the cable between the namespaces")


def _set_up(device: str, address: str, address6: str, *where: str) -> None:
    ip = ("ip", *where)
    machine.run(*ip, "addr", "add", f"{address}/24", "dev", device)
    machine.run(*ip, "addr", "add", f"{address6}/64", "dev", device, "nodad")
    machine.run(*ip, "link", "set", device, "up")


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """The main thread, and what it starts, is in the namespace."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.setns(there, os.CLONE_NEWNET)
        yield
    finally:
        os.setns(own, os.CLONE_NEWNET)
        os.close(own)
        os.close(there)
