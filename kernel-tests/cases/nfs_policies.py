"""Every policy of an export with every kind of mount."""

import itertools

from cases import case
from guest import nfs
from guest.agents import Credentials

_KINDS = ("none", "tls", "mtls")
_NOT_PERMITTED = "Operation not permitted"


@case("nfs/policies", "xprtsec= of the export and of the mount, each with each",
      deadline_s=240)
def policies(bed):
    """nfsd's `tls` is for sessions of clients that showed no certificate."""
    nfs.serve(_KINDS)
    bed.start_agent(client=Credentials(certificate="client"))
    wrong, tried = [], 0
    for policy in _subsets():
        nfs.publish(policy)
        for security in _KINDS:
            tried += 1
            wrong += _wrong(policy, security)
    bed.note(f"{tried} combinations of policy and mount")
    assert not wrong, "; ".join(wrong)
    encrypted = bed.upcalls.statuses("client")
    assert encrypted and not any(encrypted), encrypted


def _subsets() -> list[tuple[str, ...]]:
    return [subset for size in range(1, len(_KINDS) + 1)
            for subset in itertools.combinations(_KINDS, size)]


def _wrong(policy: tuple[str, ...], security: str) -> list[str]:
    mounted = nfs.mount(security)
    if mounted.ok:
        nfs.unmount()
    as_wanted = (mounted.ok if security in policy else
                 _NOT_PERMITTED in mounted.message)
    return [] if as_wanted else [
        f"export {':'.join(policy)}, mount {security}: "
        f"{mounted.message or 'mounted'}"]
