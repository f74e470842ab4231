"""NVMe/TCP over TLS: which key it is, and what becomes of a connection."""

import errno
import functools
import secrets

from cases import case as any_case
from guest import agents, nvme, wait
from guest.cable import Cable

case = functools.partial(any_case, modules=True)

# The host tries again after one second, not ten.
_SOON = {"reconnect_delay": 1}
_SUITES = {"01": "TLS_AES_128_GCM_SHA256", "02": "TLS_AES_256_GCM_SHA384"}
_LENGTHS = {"01": 32, "02": 48}


@case("nvme/cut", "the connection is cut, three times: the host comes back")
def cut(bed):
    nvme.load_modules()
    key = nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve()
    bed.start_agent()
    cable = Cable(nvme.PORT)
    nvme.connect(trsvcid=Cable.PORT, **_SOON)
    nvme.check_data(bed)
    for round_ in (2, 3, 4):
        assert cable.cut() == nvme.QUEUES
        for side in ("client", "server"):
            bed.upcalls.wait_for_done(side, round_ * nvme.QUEUES, 30)
        wait.until(nvme.connected, "the controller to be live", 30)
        nvme.check_data(bed)
    for side in ("client", "server"):
        bed.expect_statuses(side, [0] * 4 * nvme.QUEUES)
    assert nvme.key_in_use() == key
    nvme.disconnect()


@case("nvme/disconnect-meanwhile",
      "the administrator disconnects a host in the middle of a handshake")
def disconnect_meanwhile(bed):
    nvme.load_modules()
    nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve()
    bed.start_agent()
    cable = Cable(nvme.PORT)
    nvme.connect(trsvcid=Cable.PORT, **_SOON)
    cable.hold()
    assert cable.cut() == nvme.QUEUES
    bed.upcalls.wait_for_accept("client", nvme.QUEUES + 1, 30)
    nvme.disconnect()
    wait.until(nvme.gone, "the controller to be gone", 30)
    cable.release()
    bed.upcalls.wait_all_answered()
    nvme.connect()
    nvme.check_data(bed)
    nvme.disconnect()


@case("nvme/several-keys",
      "four keys in .nvme: the kernel names the best, both ends use that one")
def several_keys(bed):
    """The kernel's order: version 1 before 0, SHA-384 before SHA-256."""
    nvme.load_modules()
    order = [(nvme.identity("02"), "02"), (nvme.identity("01"), "01"),
             (nvme.old_identity("02"), "02"), (nvme.old_identity("01"), "01")]
    keys = {identity: nvme.add_key(identity, secrets.token_bytes(
        _LENGTHS[hash_name])) for identity, hash_name in reversed(order)}
    nvme.serve()
    bed.start_agent()
    for number, (identity, hash_name) in enumerate(order, 1):
        nvme.connect()
        _expect_key(bed, number, keys[identity], identity, hash_name)
        nvme.check_data(bed, 64 << 10)
        nvme.disconnect()
        nvme.forget_key(keys[identity])


def _expect_key(bed, number: int, key: int, identity: str,
                hash_name: str) -> None:
    assert nvme.key_in_use() == key, f"the kernel uses {nvme.key_in_use():x}"
    for side in ("client", "server"):
        bed.expect_statuses(side, [0] * number * nvme.QUEUES)
        used = bed.upcalls.upcalls(side)[-1].remote_auth
        assert used == [key], f"{side}: peer id {used}, the key is {key}"
        if bed.profile.logs_each_handshake:
            found = [r for r in agents.handshake_records(bed.agent.log())
                     if r.get("side") == side][-1]
            wanted = {"identity": identity, "suite": _SUITES[hash_name]}
            assert wanted.items() <= found.items(), f"the log says {found}"
    bed.note(f"{identity.split()[0]}: {_SUITES[hash_name]}")


def _refused(bed, says: tuple[int, ...], **options) -> None:
    try:
        nvme.connect(**options)
    except OSError as error:
        bed.note(f"connect: {error.strerror}")
        assert error.errno in says, f"{error}, not one of {says}"
        return
    raise AssertionError("the connection was not refused")


@case("nvme/no-key", "the host has no key: nothing is asked of the agent")
def no_key(bed):
    nvme.load_modules()
    nvme.serve()
    bed.start_agent()
    _refused(bed, (errno.ENOKEY,))
    assert not bed.upcalls.upcalls(), "an upcall without a key"


@case("nvme/target-without-key", "the target does not have the host's key")
def target_without_key(bed):
    nvme.load_modules()
    own = nvme.new_keyring("host-keys")
    key = nvme.add_key(nvme.identity(), secrets.token_bytes(32), own)
    nvme.serve()
    bed.start_agent()
    _refused(bed, (errno.EACCES,), tls_key=key, keyring=own)
    bed.expect_refusal("server", "unknown_psk_identity")
    bed.expect_refusal("client", "alert_received")


@case("nvme/key-revoked",
      "revoked while connected: data flows on; after a reset the host gives up")
def key_revoked(bed):
    nvme.load_modules()
    key = nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve()
    bed.start_agent()
    nvme.connect(tls_key=key, **_SOON)
    nvme.revoke(key)
    nvme.check_data(bed)
    for side in ("client", "server"):
        bed.expect_statuses(side, [0] * nvme.QUEUES)
    try:
        nvme.reset()
    except OSError as error:
        bed.note(f"reset: {error.strerror}")
    wait.until(nvme.gone, "the host to give up", 30)
    bed.upcalls.wait_all_answered()
    later = bed.upcalls.statuses("client")[nvme.QUEUES:]
    bed.note(f"DONE after the reset: {later}")
    assert set(later) == {errno.EKEYREJECTED}, later


@case("nvme/plain-host", "a port that does not require TLS takes both")
def plain_host(bed):
    nvme.load_modules()
    nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve(required=False)
    bed.start_agent()
    nvme.connect(tls=False)
    nvme.check_data(bed)
    assert not bed.upcalls.upcalls(), "an upcall without TLS"
    nvme.disconnect()
    nvme.connect()
    nvme.check_data(bed)
    for side in ("client", "server"):
        bed.expect_statuses(side, [0] * nvme.QUEUES)
    nvme.disconnect()


@case("nvme/plain-host-refused", "a port that requires TLS takes nothing else")
def plain_host_refused(bed):
    nvme.load_modules()
    nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve()
    bed.start_agent()
    try:
        nvme.connect(tls=False)
    except OSError as error:
        bed.note(f"connect: {error.strerror}")
    else:
        raise AssertionError("the connection was not refused")
    bed.upcalls.wait_for_done("server")
    bed.upcalls.wait_all_answered()
    assert 0 not in bed.upcalls.statuses("server")
