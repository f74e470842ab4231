"""A test that passes when a source does not compile. See defs.bzl.

The compiler runs as a build action (so it sees exactly the headers of `deps`)
and writes what it said; the test then judges that.
"""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:defs.bzl", "CcInfo", "cc_common")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain")

def _compile(ctx, toolchain, features, context, log, defines):
    """Compiles ctx.file.src; `log` gets the exit status and the output."""
    action = ACTION_NAMES.cpp_compile
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts,
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = depset(defines, transitive = [context.defines]),
        source_file = ctx.file.src.path,
        output_file = log.path + ".o",
    )
    args = ctx.actions.args()
    args.add(log)
    args.add(cc_common.get_tool_for_action(feature_configuration = features, action_name = action))
    args.add_all(cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = action,
        variables = variables,
    ))
    ctx.actions.run_shell(
        mnemonic = "CompileFail",
        outputs = [log],
        inputs = depset([ctx.file.src], transitive = [context.headers, toolchain.all_files]),
        arguments = [args],
        command = """
          log=$1; shift
          "$@" >"$log.txt" 2>&1; status=$?
          { echo "$status"; cat "$log.txt"; } >"$log"
          rm -f "$log.txt" "$log.o" "${log%.log}.d"
        """,
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        ),
        use_default_shell_env = True,
    )

def _compile_fail_test_impl(ctx):
    toolchain = find_cc_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        # Both would have each compile write or read one file more.
        unsupported_features = ctx.disabled_features + ["dependency_file", "layering_check", "module_maps"],
    )
    context = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    broken = ctx.actions.declare_file(ctx.label.name + ".broken.log")
    control = ctx.actions.declare_file(ctx.label.name + ".control.log")
    _compile(ctx, toolchain, features, context, broken, [])
    _compile(ctx, toolchain, features, context, control, ["CONTROL"])

    expect = ctx.actions.declare_file(ctx.label.name + ".expect")
    ctx.actions.write(expect, ctx.attr.expect + "\n")
    script = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(script, """#!/bin/bash
exec bash '{judge}' '{broken}' '{control}' '{expect}'
""".format(
        judge = ctx.file._judge.short_path,
        broken = broken.short_path,
        control = control.short_path,
        expect = expect.short_path,
    ), is_executable = True)
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles([ctx.file._judge, broken, control, expect]),
    )]

compile_fail_test = rule(
    implementation = _compile_fail_test_impl,
    attrs = {
        "copts": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "expect": attr.string(mandatory = True),
        "src": attr.label(mandatory = True, allow_single_file = [".cc"]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_judge": attr.label(
            default = "//tools/bazel:compile_fail_judge.sh",
            allow_single_file = True,
        ),
    },
    fragments = ["cpp"],
    test = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
