"""Programs in C that put their own sockets into kernel TLS with libktlsd."""

import hashlib
import os
import pathlib
import re
import secrets
import subprocess

from cases import LOAD, case
from guest import machine, wait
from guest.proofs import tls_counters

_PORT = "4433"
_SIZE = 64 << 20
_TRACE = pathlib.Path("/tmp/strace.log")


@case("c/sendfile", "the example file server and client, and openssl s_client",
      deadline_s=400, not_emulated=LOAD, needs=(), own="its library")
def sendfile(bed):
    machine.load_modules("tls")
    folder = pathlib.Path("/tmp/served")
    folder.mkdir()
    data = secrets.token_bytes(_SIZE)
    (folder / "file").write_bytes(data)
    before = tls_counters()
    with _serve(folder, connections=4) as server:
        wait.until(_listening, "the example server to listen")
        _expect_equal(bed, "fetch_file", _fetch("file"), data)
        _expect_equal(bed, "openssl s_client", _fetch_by_openssl("file"), data)
        missing = _fetch("missing")
        assert missing.returncode == 1 and not missing.stdout, \
            "a file that is not there was fetched"
        stranger = _fetch("file", authority="other-ca")
        assert stranger.returncode == 1 and not stranger.stdout and \
            b"no handshake" in stranger.stderr, "an unknown authority was taken"
        _out, errors = server.communicate(timeout=30)
    machine.write_out("serve_file.log", errors.decode(errors="replace"))
    machine.write_out("strace.log", _TRACE.read_text())
    assert server.returncode == 1, "the server hides that two got no file"
    _expect_sendfile(bed)
    _expect_keys(bed, before, tls_counters())


def _serve(folder: pathlib.Path, connections: int) -> subprocess.Popen:
    # The leak check of a build with sanitizers does not work below strace.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.Popen(
        ["strace", "-f", "-o", str(_TRACE), "-e",
         "trace=sendfile,setsockopt,write,sendto",
         machine.staged("serve_file"), str(machine.PKI / "server.pem"),
         str(machine.PKI / "server.key"), _PORT, str(folder),
         str(connections)], env=environment, stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE)


def _listening() -> bool:
    return bool(machine.run("ss", "-Hltn", f"sport = :{_PORT}").stdout)


def _fetch(name: str, authority: str = "ca") -> subprocess.CompletedProcess:
    return subprocess.run(
        [machine.staged("fetch_file"), str(machine.PKI / f"{authority}.pem"),
         "localhost", _PORT, name], stdin=subprocess.DEVNULL,
        capture_output=True, timeout=120, check=False)


def _fetch_by_openssl(name: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{_PORT}",
         "-CAfile", str(machine.PKI / "ca.pem"), "-verify_return_error",
         "-verify_hostname", "localhost"], input=f"{name}\n".encode(),
        capture_output=True, timeout=120, check=False)


def _expect_equal(bed, who: str, fetched: subprocess.CompletedProcess,
                  data: bytes) -> None:
    got, wanted = (hashlib.sha256(x).hexdigest()
                   for x in (fetched.stdout, data))
    said = fetched.stderr.decode(errors="replace")
    assert fetched.returncode == 0, f"{who} failed: {said}"
    assert got == wanted, (f"{who}: {len(fetched.stdout)} bytes with another "
                           f"checksum; {said}")
    bed.note(f"{who}: {len(data)} bytes, sha256 {got[:16]}... equal")


def _expect_sendfile(bed) -> None:
    """All of both files left by sendfile, on sockets with the kernel's TLS."""
    trace = _TRACE.read_text()
    sent = [int(n) for n in re.findall(r"sendfile\(.*\) = (\d+)", trace)]
    bed.note(f"strace: {len(sent)} calls of sendfile sent {sum(sent)} bytes")
    assert sum(sent) == 2 * _SIZE, "not all went by sendfile"
    assert trace.count("TCP_ULP") >= 2, "no TLS was set on the sockets"


def _expect_keys(bed, before: dict, after: dict) -> None:
    """Server and client have keys; openssl has its TLS in the program."""
    for name, least in (("TlsTxSw", 5), ("TlsRxSw", 5)):
        grown = after[name] - before[name]
        bed.note(f"{name} {before[name]} -> {after[name]}")
        assert grown == least, f"{name} grew by {grown}, not by {least}"
    assert after["TlsDecryptError"] == before["TlsDecryptError"], \
        "the kernel could not decrypt"
