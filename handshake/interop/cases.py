"""What is varied from handshake to handshake, and which combinations run."""

import dataclasses
import itertools

HYBRIDS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024")
GROUPS = ("x25519", "secp256r1", "secp384r1", "secp521r1", *HYBRIDS)
# Not a group: both sides are left to their own defaults.
DEFAULT = "default"
SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
          "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256")
# Kinds of keys, and how their signature schemes begin.
SCHEMES = {
    "ecdsa-p256": "ecdsa_secp256r1_sha256",
    "ecdsa-p384": "ecdsa_secp384r1_sha384",
    "rsa": "rsa_pss_rsae_sha",
    "rsa-pss": "rsa_pss_pss_sha",
    "ed25519": "ed25519",
    "ecdsa-p521": "ecdsa_secp521r1_sha512",
    "ed448": "ed448",
    "mldsa44": "mldsa44",
    "mldsa65": "mldsa65",
    "mldsa87": "mldsa87",
}
ML_DSA = ("mldsa44", "mldsa65", "mldsa87")
# Rare ones: tried with every value of each other parameter, but not in every
# combination, which would double the time.
RARE = ("secp521r1", "ecdsa-p521", "ed448", *HYBRIDS, *ML_DSA)
AUTHS = ("server", "mutual")
# Not among AUTHS: mutual, and we have a certificate of each kind in DUAL_KINDS
# of the peer, of which it verifies none but those of the case's kind.
DUAL = "dual"
RETRIES = ("no", "yes")


@dataclasses.dataclass(frozen=True)
class Case:
    """One handshake. `retry`: is a HelloRetryRequest provoked?"""
    group: str
    suite: str
    kind: str
    auth: str
    retry: str

    @property
    def mutual(self) -> bool:
        return self.auth in ("mutual", DUAL)

    @property
    def first_group(self) -> str:
        """The group of the client's first key share."""
        if self.group == DEFAULT:
            return DEFAULT
        if self.retry == "no":
            return self.group
        return "secp256r1" if self.group == "x25519" else "x25519"

    @property
    def client_groups(self) -> list[str]:
        """What the client lists: its first key share's group first."""
        return list(dict.fromkeys([self.first_group, self.group]))

    def within(self, unable) -> bool:
        """Does it need nothing of `unable`?"""
        return not any(value in unable for value in self.values())

    def values(self) -> tuple[str, ...]:
        return dataclasses.astuple(self)

    def __str__(self) -> str:
        return "/".join((*self.values()[:3], f"auth={self.auth}",
                         f"retry={self.retry}"))


def full_product(unable=()) -> list[Case]:
    """Every combination without the values that are in `unable`."""
    every = [Case(*values) for values in itertools.product(
        GROUPS, SUITES, SCHEMES, AUTHS, RETRIES)]
    return [case for case in every if case.within(unable)]


def covering_pairs(unable=()) -> list[Case]:
    """Few cases in which every two values of two parameters meet.

    Greedy: always the case that adds the most pairs that were not yet met.
    """
    candidates = full_product(unable)
    missing = set().union(*map(pairs_of, candidates))
    chosen = []
    while missing:
        best = max(candidates, key=lambda case: len(missing & pairs_of(case)))
        missing -= pairs_of(best)
        chosen.append(best)
    return chosen


def pairs_of(case: Case) -> set[tuple]:
    return set(itertools.combinations(enumerate(case.values()), 2))
