"""Checks that run as build actions: parallel, cached, with each target's flags.

  bazel build --config=tidy //...      clang-tidy over every source
  bazel build --config=headers //...   every header compiles on its own
"""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:defs.bzl", "CcInfo", "cc_common")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain")

_SOURCES = ["c", "cc"]
_HEADERS = ["h"]

def _files(ctx, attributes, extensions):
    found = []
    for attribute in attributes:
        for target in getattr(ctx.rule.attr, attribute, None) or []:
            found += [f for f in target.files.to_list() if f.extension in extensions and f.is_source]
    return found

def _compiler(ctx, target, action):
    """The compiler for `action`, its flags for `target`, and what it reads."""
    toolchain = find_cc_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        # Each of them wants one file more.
        unsupported_features = ctx.disabled_features + ["dependency_file", "layering_check", "module_maps"],
    )
    context = target[CcInfo].compilation_context
    fragment = ctx.fragments.cpp
    language = fragment.cxxopts if action == ACTION_NAMES.cpp_compile else fragment.conlyopts
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        user_compile_flags = fragment.copts + language + ctx.rule.attr.copts,
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = depset(transitive = [context.defines, context.local_defines]),
    )
    return struct(
        tool = cc_common.get_tool_for_action(feature_configuration = features, action_name = action),
        flags = cc_common.get_memory_inefficient_command_line(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        ),
        inputs = depset(transitive = [context.headers, toolchain.all_files]),
    )

def _check(ctx, mnemonic, file, inputs, command, arguments):
    """Runs `command`, silent when it succeeds; returns the stamp it leaves."""
    stamp = ctx.actions.declare_file("%s.%s/%s.ok" % (ctx.label.name, mnemonic, file.basename))
    ctx.actions.run_shell(
        mnemonic = mnemonic,
        progress_message = "%s %s" % (mnemonic, file.short_path),
        outputs = [stamp],
        inputs = inputs,
        arguments = [stamp.path] + arguments,
        command = "stamp=$1; shift; " + command + ' >"$stamp" 2>&1 || { cat "$stamp" >&2; exit 1; }',
        use_default_shell_env = True,
    )
    return stamp

# In tests a crash is a failure, and plain reads better than fast.
_TESTONLY_TIDY = ["--checks=-bugprone-unchecked-optional-access,-bugprone-exception-escape,-performance-*"]

def _is_ours(target, ctx):
    return CcInfo in target and not target.label.workspace_name and hasattr(ctx.rule.attr, "copts")

def _tidy_impl(target, ctx):
    if not _is_ours(target, ctx):
        return []
    flags = ["--config-file=" + ctx.file._config.path] + (_TESTONLY_TIDY if ctx.rule.attr.testonly else [])
    stamps = []
    for source in _files(ctx, ["srcs"], _SOURCES):
        is_c = source.extension == "c"
        compiler = _compiler(ctx, target, ACTION_NAMES.c_compile if is_c else ACTION_NAMES.cpp_compile)
        stamps.append(_check(
            ctx,
            "Tidy",
            source,
            depset([source, ctx.file._config], transitive = [compiler.inputs]),
            "clang-tidy-19 --quiet \"$@\"",
            flags + [source.path, "--"] + compiler.flags,
        ))
    return [OutputGroupInfo(tidy = depset(stamps))]

def _headers_impl(target, ctx):
    if not _is_ours(target, ctx):
        return []
    compiler = _compiler(ctx, target, ACTION_NAMES.cpp_compile)
    stamps = [
        _check(
            ctx,
            "Header",
            header,
            depset([header], transitive = [compiler.inputs]),
            '"$@"',
            [compiler.tool] + compiler.flags +
            ["-fsyntax-only", "-include", header.path, "-x", "c++", "/dev/null"],
        )
        for header in _files(ctx, ["hdrs"], _HEADERS)
    ]
    return [OutputGroupInfo(headers = depset(stamps))]

_COMMON = dict(
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

_CC_TOOLCHAIN = attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain")

tidy = aspect(
    implementation = _tidy_impl,
    attrs = {
        "_cc_toolchain": _CC_TOOLCHAIN,
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
    },
    **_COMMON
)

headers = aspect(
    implementation = _headers_impl,
    attrs = {"_cc_toolchain": _CC_TOOLCHAIN},
    **_COMMON
)
