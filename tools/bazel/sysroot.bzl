"""@arm64_sysroot: where the arm64 headers and libraries are.

CACHE/arm64-sysroot, which tools/make_sysroot.sh unpacks; CACHE is $KTLSD_CACHE
or $XDG_CACHE_HOME/ktlsd or $HOME/.cache/ktlsd. Or the root directory that
$KTLSD_ARM64_SYSROOT names; / stands for Debian's multiarch folders (dpkg
--add-architecture arm64; apt-get install libssl-dev:arm64 libgtest-dev:arm64
libgmock-dev:arm64 ...).
"""

def _cache_folder(env):
    if env.get("KTLSD_CACHE"):
        return env["KTLSD_CACHE"]
    if env.get("XDG_CACHE_HOME"):
        return env["XDG_CACHE_HOME"] + "/ktlsd"
    return env.get("HOME", "") + "/.cache/ktlsd"

def _arm64_sysroot_impl(repository_ctx):
    env = repository_ctx.os.environ
    path = env.get("KTLSD_ARM64_SYSROOT", "") or _cache_folder(env) + "/arm64-sysroot"
    if path == "/":
        path = ""
    repository_ctx.file("sysroot.bzl", "ARM64_SYSROOT = %r\n" % path)
    repository_ctx.template(
        "run_arm64.sh",
        Label("//tools/bazel:run_arm64.sh"),
        {"root=${KTLSD_ARM64_SYSROOT:-}": "root='%s'" % path},
        executable = True,
    )
    repository_ctx.file("BUILD", """\
load("@rules_shell//shell:sh_binary.bzl", "sh_binary")

sh_binary(
    name = "run_arm64",
    srcs = ["run_arm64.sh"],
    visibility = ["//visibility:public"],
)
""")

arm64_sysroot = repository_rule(
    implementation = _arm64_sysroot_impl,
    configure = True,
    environ = ["HOME", "KTLSD_ARM64_SYSROOT", "KTLSD_CACHE", "XDG_CACHE_HOME"],
    local = True,
)
