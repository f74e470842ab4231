"""Compiler and linker flags of the project's own code, in one place."""

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    # Part of -Wconversion for clang, not for g++: the same for both.
    "-Wno-sign-conversion",
    "-Werror",
]

# -fcf-protection is x86 only; _FORTIFY_SOURCE needs optimisation (the -U takes
# back the toolchain's own level).
_HARDENING = ["-fstack-protector-strong"] + select({
    "//tools/bazel:x86_64": ["-fcf-protection"],
    "//conditions:default": [],
}) + select({
    "//tools/bazel:optimised": [
        "-U_FORTIFY_SOURCE",
        "-D_FORTIFY_SOURCE=2",
    ],
    "//conditions:default": [],
})

CXX_WARNINGS = [
    "-std=c++20",
    "-Wnon-virtual-dtor",
    "-Wold-style-cast",
] + _WARNINGS

# When it optimises, g++ 12 sees overruns in std::vector and unset members in
# std::variant that are not there. clang and the sanitizers look for real ones;
# clang does not know all of these flags.
CXX_COPTS = CXX_WARNINGS + _HARDENING + select({
    "//tools/bazel:optimised": [
        "-Wno-array-bounds",
        "-Wno-maybe-uninitialized",
        "-Wno-stringop-overflow",
        "-Wno-unknown-warning-option",
    ],
    "//conditions:default": [],
})

C_COPTS = ["-std=c11"] + _WARNINGS + _HARDENING

# Programs are position-independent (--force_pic in .bazelrc compiles for it).
PROGRAM_LINKOPTS = [
    "-pie",
    "-Wl,-z,relro,-z,now",
    "-Wl,-z,noexecstack",
]

# Shared libraries. No -z defs: the sanitizers' symbols are the program's.
LIBRARY_LINKOPTS = [
    "-Wl,-z,relro,-z,now",
    "-Wl,-z,noexecstack",
]
