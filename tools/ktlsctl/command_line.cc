#include "tools/ktlsctl/command_line.h"

#include <utility>

#include "agent/version.h"

namespace ktlsd::ktlsctl {

CommandLine::CommandLine()
    : app_("Looks into ktlsd, the TLS handshake daemon of the kernel.",
           "ktlsctl") {
  app_.require_subcommand(1);
  app_.set_version_flag("--version",
                        std::string("ktlsctl version ") + agent::kVersion);
  app_.footer(
      "Exit status: 0 fine, 1 the answer is negative, 2 misuse, or the daemon\n"
      "cannot be reached.");
}

CLI::App* CommandLine::Add(const std::string& name,
                           const std::string& description,
                           std::function<Exit()> run) {
  CLI::App* command = app_.add_subcommand(name, description);
  command->callback([this, run = std::move(run)] { chosen_ = run; });
  return command;
}

Exit CommandLine::Run(int count, const char* const* arguments) {
  try {
    app_.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    // --help is one of those, and prints its text.
    return app_.exit(error) == 0 ? Exit::kFine : Exit::kMisuse;
  }
  return chosen_();
}

Exit Complain(const std::string& text, Exit exit) {
  std::fprintf(stderr, "ktlsctl: %s\n", text.c_str());
  return exit;
}

}  // namespace ktlsd::ktlsctl
