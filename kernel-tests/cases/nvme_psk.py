"""NVMe/TCP over TLS: the host and the target of one kernel, one agent."""

import errno
import functools
import secrets

from cases import case as any_case
from guest import agents, nvme, wait
from guest.proofs import tls_counters

case = functools.partial(any_case, modules=True)

_QUEUES = nvme.QUEUES


def _expect_sessions(bed, key: int, suite: str, count: int = _QUEUES,
                     form: str = "NVMe1R") -> None:
    """`count` successes of each side, with this key."""
    for side, consumer in (("client", "nvme-host"), ("server", "nvme-target")):
        bed.expect_statuses(side, [0] * count)
        auth = [u.remote_auth for u in bed.upcalls.upcalls(side)][-_QUEUES:]
        assert auth == [[key]] * _QUEUES, \
            f"{side}: peer ids {auth}, the key is {key}"
        if not bed.profile.logs_each_handshake:
            continue
        found = [r for r in agents.handshake_records(bed.agent.log())
                 if r.get("side") == side][-1]
        wanted = {"outcome": "ok", "consumer": consumer, "suite": suite,
                  "key": str(key)}
        assert wanted.items() <= found.items(), f"{side}: the log says {found}"
        assert found.get("identity", "").startswith(form), found
        bed.note(f"{side}: {suite}, group {found.get('group')}, "
                 f"identity {found['identity']}")


def _refused(bed, says: int, **options) -> None:
    try:
        nvme.connect(**options)
    except OSError as error:
        bed.note(f"connect: {error.strerror}")
        assert error.errno == says, f"{error}, not {errno.errorcode[says]}"
        return
    raise AssertionError("the connection was not refused")


@case("nvme/psk", "host and target with a PSK of the keyring; data both ways")
def psk(bed):
    nvme.load_modules()
    key = nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve()
    bed.start_agent()
    before = tls_counters()  # the agent has tried the kernel's TLS
    nvme.connect()
    _expect_sessions(bed, key, "TLS_AES_256_GCM_SHA384")
    assert nvme.key_in_use() == key, f"the kernel uses {nvme.key_in_use():x}"
    nvme.check_data(bed)
    counted = tls_counters()
    moved = {name: value - before[name] for name, value in counted.items()}
    bed.note("kernel: " + ", ".join(f"{n} {v}" for n, v in moved.items() if v))
    for name in ("TlsTxSw", "TlsRxSw", "TlsCurrTxSw", "TlsCurrRxSw"):
        assert moved[name] == 2 * _QUEUES, f"{name}: {moved}"
    assert counted["TlsDecryptError"] == 0, counted
    nvme.reset()
    bed.upcalls.wait_for_done("server", 2 * _QUEUES)
    _expect_sessions(bed, key, "TLS_AES_256_GCM_SHA384", 2 * _QUEUES)
    nvme.check_data(bed)
    nvme.disconnect()


@case("nvme/psk-sha256",
      "a key for SHA-256; key and keyring come after the agent")
def psk_sha256(bed):
    bed.start_agent()
    nvme.load_modules()
    key = nvme.add_key(nvme.identity("01"), secrets.token_bytes(32))
    nvme.serve()
    nvme.connect(tls_key=key)
    _expect_sessions(bed, key, "TLS_AES_128_GCM_SHA256")
    nvme.check_data(bed)
    nvme.disconnect()


@case("nvme/unknown-identity",
      "the host's identity is only the beginning of one that the target knows")
def unknown_identity(bed):
    nvme.load_modules()
    longer = f"{nvme.SUBSYSTEM}0"
    nvme.add_key(f"NVMe1R01 {nvme.HOST} {longer}", secrets.token_bytes(32))
    own = nvme.new_keyring("host-keys")
    key = nvme.add_key(f"NVMe1R01 {nvme.HOST} {nvme.SUBSYSTEM}",
                       secrets.token_bytes(32), own)
    nvme.serve()
    bed.start_agent()
    _refused(bed, errno.EACCES, tls_key=key, keyring=own)
    bed.expect_refusal("server", "unknown_psk_identity")
    bed.expect_refusal("client", "alert_received")


@case("nvme/wrong-key", "host and target have other keys of one identity")
def wrong_key(bed):
    nvme.load_modules()
    nvme.add_key(nvme.identity(), secrets.token_bytes(32))
    own = nvme.new_keyring("host-keys")
    key = nvme.add_key(nvme.identity(), secrets.token_bytes(32), own)
    nvme.serve()
    bed.start_agent()
    _refused(bed, errno.EACCES, tls_key=key, keyring=own)
    bed.expect_refusal("server", "bad_psk_binder")
    bed.expect_refusal("client", "alert_received")


@case("nvme/unfit-key", "a key that is not as long as its identity says")
def unfit_key(bed):
    nvme.load_modules()
    key = nvme.add_key(nvme.identity("02"), secrets.token_bytes(32))
    nvme.serve()
    bed.start_agent()
    _refused(bed, errno.EKEYREJECTED, tls_key=key)
    bed.expect_statuses("client", [errno.EKEYREJECTED])
    bed.expect_log("key_rejected", "client")


@case("nvme/secure-concatenation", "host and target agree on a key by "
      "DH-HMAC-CHAP and go on with TLS, again after a reset",
      needs=("secure-concatenation",))
def secure_concatenation(bed):
    nvme.load_modules()
    secret = nvme.new_secret()
    nvme.serve(required=False)
    nvme.authenticate(secret)
    bed.start_agent()
    nvme.connect(tls=False, concat=None, dhchap_secret=secret)
    keys = [nvme.key_in_use()]
    _expect_generated(bed, keys)
    nvme.check_data(bed)
    nvme.reset()
    for side in ("client", "server"):
        bed.upcalls.wait_for_done(side, 2 * _QUEUES, 30)
    wait.until(nvme.connected, "the controller to be live", 30)
    keys.append(nvme.key_in_use())
    assert keys[0] != keys[1], "the reset made no key of its own"
    _expect_generated(bed, keys)
    nvme.check_data(bed)
    nvme.disconnect()


def _expect_generated(bed, keys: list[int]) -> None:
    _expect_sessions(bed, keys[-1], "TLS_AES_128_GCM_SHA256",
                     len(keys) * _QUEUES, form="NVMe1G01 ")
