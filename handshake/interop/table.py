"""The table of results: a row for each peer and role."""

from cases import DEFAULT

NOT_CHOSEN = "left out by an option of this run"

# Title, and the value of a case that a column counts.
COLUMNS = (
    ("x25519", "group", "x25519"),
    ("P-256", "group", "secp256r1"),
    ("P-384", "group", "secp384r1"),
    ("P-521", "group", "secp521r1"),
    ("X25519+KEM", "group", "X25519MLKEM768"),
    ("P-256+KEM", "group", "SecP256r1MLKEM768"),
    ("P-384+KEM", "group", "SecP384r1MLKEM1024"),
    ("AES-128", "suite", "TLS_AES_128_GCM_SHA256"),
    ("AES-256", "suite", "TLS_AES_256_GCM_SHA384"),
    ("ChaCha20", "suite", "TLS_CHACHA20_POLY1305_SHA256"),
    ("CCM", "suite", "TLS_AES_128_CCM_SHA256"),
    ("ECDSA-256", "kind", "ecdsa-p256"),
    ("ECDSA-384", "kind", "ecdsa-p384"),
    ("ECDSA-521", "kind", "ecdsa-p521"),
    ("RSAE-PSS", "kind", "rsa"),
    ("PSS-PSS", "kind", "rsa-pss"),
    ("Ed25519", "kind", "ed25519"),
    ("Ed448", "kind", "ed448"),
    ("ML-DSA-44", "kind", "mldsa44"),
    ("ML-DSA-65", "kind", "mldsa65"),
    ("ML-DSA-87", "kind", "mldsa87"),
    ("server", "auth", "server"),
    ("mutual", "auth", "mutual"),
    ("no HRR", "retry", "no"),
    ("HRR", "retry", "yes"),
)


def print_table(peers: list, results: list) -> None:
    reasons: list[str] = []
    rows = [["peer", "its role", *(title for title, _, _ in COLUMNS), "data",
             "secrets", "refusals", "total"]]
    for peer in peers:
        for role in ("server", "client"):
            mine = [r for r in results if r.peer is peer and r.role == role]
            rows.append(row(peer, role, mine, reasons))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for cells in rows:
        print("| " + " | ".join(
            cell.ljust(width) for cell, width in zip(cells, widths)) + " |")
    for number, reason in enumerate(reasons, 1):
        print(f"| n/a {number}: {reason}")
    for result in results:
        if result.case.group == DEFAULT and not result.failure:
            print(f"| by default: {result.peer.name} "
                  f"{result.peer.version()} as {result.role}: "
                  f"{result.peer.best_group}, {result.case.kind}, "
                  f"{result.case.auth}")
    print("| Cells are handshakes that passed of those that ran. `data`: a "
          "line each way;")
    print("| `secrets`: equal to the peer's key log; `refusals`: wrong "
          "authority or name.")
    print(f"| Total: {score(results)} passed.")


def row(peer, role: str, results: list, reasons: list[str]) -> list[str]:
    handshakes = [r for r in results if not r.refusal]
    cells = [f"{peer.name} {peer.version()}", role]
    for _, field, value in COLUMNS:
        chosen = [r for r in handshakes if getattr(r.case, field) == value]
        cells.append(score(chosen) if chosen else
                     not_applicable(peer.unable.get(value, NOT_CHOSEN),
                                    reasons))
    cells.append(score(handshakes))
    cells.append(score(handshakes) if peer.no_key_log is None else
                 not_applicable(peer.no_key_log, reasons))
    cells.append(score([r for r in results if r.refusal]))
    return [*cells, score(results)]


def not_applicable(reason: str, reasons: list[str]) -> str:
    if reason not in reasons:
        reasons.append(reason)
    return f"n/a {reasons.index(reason) + 1}"


def score(results: list) -> str:
    passed = sum(not r.failure for r in results)
    return f"{passed}/{len(results)}"
