#!/usr/bin/python3
"""Checks libktlsd.so.0 against what is committed about its ABI.

  abi_test.py            the test (run by Bazel)
  abi_test.py --print    what abi.txt must hold now

abi.txt has the exported functions and the numbers of the header's enums. A
line that goes away or changes breaks programs: the SONAME must change too. New
ones are added to it. No struct of the ABI is public, so there are no sizes.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
LIBRARY = HERE / "libktlsd.so.0"
SONAME = "libktlsd.so.0"
# What ends or leaves a program, or sounds so: by exiting, by a signal, by the
# runtimes of C and C++, by the checks of fortified functions, by jumping away,
# by becoming another program.
ENDS = re.compile(
    r"exit|_Exit|abort|terminate|unexpected|unreachable|assert|OPENSSL_die"
    r"|raise$|kill$|^sigqueue|^alarm|setitimer|pthread_cancel"
    r"|_chk$|chk_fail|fortify|libc_fatal|pure_virtual|deleted_virtual"
    r"|longjmp|^v?errx?$|^error(_at_line)?$|^f?exec|^posix_spawn")
# Some that it must know: an expression that a change broke is found out.
KNOWN_ENDS = """
    exit _exit _Exit quick_exit pthread_exit abort __cxa_guard_abort
    _ZSt9terminatev _ZSt10unexpectedv __cxa_call_terminate __cxa_call_unexpected
    __cxa_pure_virtual __cxa_deleted_virtual __assert_fail __assert_perror_fail
    __assert __builtin_unreachable _ZSt21__glibcxx_assert_failPKciS0_S0_
    OPENSSL_die raise kill tgkill pthread_kill pthread_cancel sigqueue alarm
    setitimer __stack_chk_fail __chk_fail __fortify_fail __libc_fatal
    __explicit_bzero_chk __memcpy_chk longjmp _longjmp siglongjmp
    __longjmp_chk err errx verr verrx error error_at_line execve fexecve
    posix_spawn""".split()


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          encoding="utf-8").stdout


def exported() -> list[str]:
    rows = output("nm", "-D", "--defined-only", str(LIBRARY)).splitlines()
    names = [row.split()[-1] for row in rows if " A " not in row]
    return sorted(names)


def numbers() -> list[str]:
    text = "".join((HERE / name).read_text(encoding="utf-8")
                   for name in ("ktlsd_codes.h", "ktlsd.h"))
    return sorted(f"{name} = {value}" for name, value in
                  re.findall(r"\b(KTLSD_\w+) = (\d+)", text))


def declared() -> list[str]:
    text = (HERE / "ktlsd.h").read_text(encoding="utf-8")
    return sorted(re.findall(r"KTLSD_API[^;]*?\b(ktlsd_\w+)\(", text))


def abi() -> list[str]:
    return exported() + numbers()


def undefined() -> list[str]:
    rows = output("nm", "-D", "--undefined-only", str(LIBRARY)).splitlines()
    # "w": may be missing; the start-up code's.
    return sorted({row.split()[1].partition("@")[0] for row in rows
                   if row.split()[0] == "U"})


def allowed(taken: list[str]) -> list[str]:
    """What is wrong with allowed_symbols.txt and what the library takes.

    A line is a symbol and, where only some builds have it, which those are:
    "clang", "optimised".
    """
    comment = output("readelf", "-p", ".comment", str(LIBRARY))
    build = {"clang"} if "clang" in comment else set()
    build |= set(sys.argv[1:])
    here, elsewhere = set(), set()
    for line in lines_of("allowed_symbols.txt"):
        symbol, *condition = line.split()
        (here if set(condition) <= build else elsewhere).add(symbol)
    found = [f"ENDS does not know {x}" for x in KNOWN_ENDS
             if not ENDS.search(x)]
    found += [f"can end the program: {x}" for x in taken
              if ENDS.search(x) and x not in here]
    found += [f"allowed, but not taken (any more): {x}"
              for x in sorted(here - set(taken))]
    found += [f"allowed, but does not sound like an end: {x}"
              for x in sorted(here | elsewhere) if not ENDS.search(x)]
    return found


def lines_of(name: str) -> list[str]:
    text = (HERE / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines()
            if line and not line.startswith("#")]


def problems() -> list[str]:
    found = []
    committed, now = set(lines_of("abi.txt")), set(abi())
    found += [f"gone, which breaks programs: {x}" for x in committed - now]
    found += [f"new, not in abi.txt: {x}" for x in now - committed]
    names = [x.partition("@")[0] for x in exported()]
    if names != declared():
        odd = set(names) ^ set(declared())
        found.append(f"not both declared and exported: {sorted(odd)}")
    dynamic = output("readelf", "-d", str(LIBRARY))
    if f"soname: [{SONAME}]" not in dynamic:
        found.append(f"the SONAME is not {SONAME}")
    if any("libssl" in line for line in dynamic.splitlines()):
        found.append("needs libssl")
    taken = undefined()
    if any(x.startswith(("__asan", "__ubsan", "__gcov")) for x in taken):
        return found  # their runtime may end the program
    return found + allowed(taken)


def main() -> int:
    if sys.argv[1:] == ["--print"]:
        print("\n".join(abi()))
        return 0
    found = problems()
    print("\n".join(found) or f"{len(exported())} functions, "
          f"{len(numbers())} numbers, {len(undefined())} symbols from elsewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
