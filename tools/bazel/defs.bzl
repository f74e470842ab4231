"""The project's own rules: flags, test libraries and fuzz targets in one place.

Every C++ target of the tree is one of these:

  ktlsd_cc_library, ktlsd_cc_binary   the flags of copts.bzl (C flags for .c)
  ktlsd_cc_shared_library             one shared object of static deps
  ktlsd_cc_test                       + gtest, gmock and their main()
  ktlsd_cc_benchmark                  + Google Benchmark and its main()
  ktlsd_cc_fuzz_target                a corpus replay test; libFuzzer with
                                      --config=fuzz
  ktlsd_compile_fail_test             a source that must not compile
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load(":compile_fail_test.bzl", "compile_fail_test")
load(":copts.bzl", "CXX_COPTS", "CXX_WARNINGS", "C_COPTS", "LIBRARY_LINKOPTS", "PROGRAM_LINKOPTS")

def _flags(srcs):
    is_c = type(srcs) == type([]) and srcs and all([s.endswith(".c") for s in srcs if not s.endswith(".h")])
    return C_COPTS if is_c else CXX_COPTS

def ktlsd_cc_library(name, srcs = [], copts = [], **kwargs):
    cc_library(name = name, srcs = srcs, copts = _flags(srcs) + copts, **kwargs)

def ktlsd_cc_binary(name, srcs = [], copts = [], linkopts = [], **kwargs):
    cc_binary(
        name = name,
        srcs = srcs,
        copts = _flags(srcs) + copts,
        linkopts = PROGRAM_LINKOPTS + linkopts,
        **kwargs
    )

def ktlsd_cc_shared_library(name, version_script, deps, **kwargs):
    """A shared object with everything in it but the system's libraries.

    Args:
      name: its SONAME too: "libfoo.so.0".
      version_script: which symbols leave it.
      deps: the libraries that are in it; their entries need alwayslink.
      **kwargs: visibility and the like.
    """
    cc_binary(
        name = name,
        linkshared = True,
        linkstatic = True,
        additional_linker_inputs = [version_script],
        linkopts = LIBRARY_LINKOPTS + [
            "-Wl,-soname," + name,
            "-Wl,--version-script=$(location %s)" % version_script,
        ],
        deps = deps,
        **kwargs
    )

def ktlsd_cc_test(name, srcs = [], copts = [], linkopts = [], deps = [], size = "small", **kwargs):
    """A test with gtest and gmock; a test of one C source has its own main()."""
    is_c = _flags(srcs) == C_COPTS
    cc_test(
        name = name,
        size = size,
        srcs = srcs,
        copts = _flags(srcs) + copts,
        linkopts = PROGRAM_LINKOPTS + linkopts,
        linkstatic = True,
        deps = deps + ([] if is_c else ["//tools/bazel/system:gtest_main"]),
        **kwargs
    )

def ktlsd_cc_benchmark(name, srcs, copts = [], linkopts = [], deps = [], tags = [], **kwargs):
    """A benchmark program: bazel run -c opt //ktls:foo_bench."""
    cc_binary(
        name = name,
        testonly = True,
        srcs = srcs,
        copts = CXX_COPTS + copts,
        linkopts = PROGRAM_LINKOPTS + linkopts,
        tags = tags + ["benchmark"],
        deps = deps + ["//tools/bazel/system:benchmark_main"],
        **kwargs
    )

def ktlsd_cc_fuzz_target(name, srcs, corpus = [], copts = [], deps = [], tags = [], size = "small", **kwargs):
    """A fuzz target: LLVMFuzzerTestOneInput in `srcs`, seeds in `corpus`.

    A plain test replays the corpus once. With --config=fuzz the target is a
    libFuzzer program: the test fuzzes for 20 seconds, and
    bazel run --config=fuzz //x:y_fuzz -- DIR -max_total_time=3600 for longer.
    """
    locations = ["$(location %s)" % c for c in corpus]
    cc_test(
        name = name,
        size = size,
        srcs = srcs + select({
            "//tools/bazel:fuzzing": [],
            "//conditions:default": ["//tools/bazel:fuzz_replay_main.cc"],
        }),
        copts = CXX_COPTS + copts,
        linkopts = PROGRAM_LINKOPTS + select({
            "//tools/bazel:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        linkstatic = True,
        args = select({
            "//tools/bazel:fuzzing": ["-max_total_time=20"] +
                                     (["-seed_inputs=" + ",".join(locations)] if corpus else []),
            "//conditions:default": locations,
        }),
        data = corpus,
        tags = tags + ["fuzz"],
        deps = deps,
        **kwargs
    )

def ktlsd_compile_fail_test(name, src, expect, deps = [], copts = [], size = "small", **kwargs):
    """Passes when `src` does not compile, for the reason in `expect`.

    With -DCONTROL the same source must compile, so the test fails when the
    snippet is broken in another way:

        #ifdef CONTROL
          std::move(parked).Step();
        #else
          parked.Step();  // not on an lvalue
        #endif

    Args:
      name: of the test.
      src: one C++ source.
      expect: extended regular expression (grep -E) that one line of the
        compiler's errors must match; write one that fits g++ and clang.
      deps: cc_library targets that `src` includes.
      copts: further flags; the project's warnings (as errors) are always on.
      size: as for any test.
      **kwargs: tags, visibility and the like.
    """
    compile_fail_test(
        name = name,
        size = size,
        src = src,
        copts = CXX_WARNINGS + copts,
        expect = expect,
        deps = deps,
        **kwargs
    )
