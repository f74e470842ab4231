"""The table of results: a row for each peer and role."""

# Title, and the value of a case that a column counts.
COLUMNS = (
    ("x25519", "group", "x25519"),
    ("P-256", "group", "secp256r1"),
    ("P-384", "group", "secp384r1"),
    ("P-521", "group", "secp521r1"),
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
                     not_applicable(peer.unable[value], reasons))
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
