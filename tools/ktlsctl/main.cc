// ktlsctl: what an operator asks ktlsd. One subcommand each; docs/man has the
// page.
#include <cstdio>
#include <exception>

#include "tools/ktlsctl/command_line.h"
#include "tools/ktlsctl/daemon_commands.h"
#include "tools/ktlsctl/local/local_commands.h"

int main(int count, char** arguments) {
  using ktlsd::ktlsctl::CommandLine;
  try {
    CommandLine line;
    ktlsd::ktlsctl::AddDaemonCommands(line);
    ktlsd::ktlsctl::AddLocalCommands(line);
    return static_cast<int>(line.Run(count, arguments));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ktlsctl: %s\n", error.what());
    return static_cast<int>(ktlsd::ktlsctl::Exit::kMisuse);
  }
}
