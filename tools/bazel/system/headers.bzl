"""A repository of header folders that a distribution package installed."""

def _multiarch(repository_ctx):
    """The folder name of this machine's libraries, such as x86_64-linux-gnu."""
    for triplet in ["x86_64-linux-gnu", "aarch64-linux-gnu", "riscv64-linux-gnu", "powerpc64le-linux-gnu", "s390x-linux-gnu"]:
        if repository_ctx.path("/usr/lib/" + triplet + "/libc.so.6").exists:
            return triplet
    return "."

def _system_headers_impl(repository_ctx):
    for name, folder in repository_ctx.attr.folders.items():
        path = repository_ctx.path(folder.replace("MULTIARCH", _multiarch(repository_ctx)))
        if not path.exists:
            fail("%s is missing: install %s (tools/setup does)" % (path, repository_ctx.attr.package))
        repository_ctx.symlink(path, name)
    repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD")

system_headers = repository_rule(
    implementation = _system_headers_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "folders": attr.string_dict(mandatory = True),
        "package": attr.string(mandatory = True),
    },
    local = True,
)
