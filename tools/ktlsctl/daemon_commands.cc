#include "tools/ktlsctl/daemon_commands.h"

#include <cstdio>
#include <memory>
#include <string>

#include "agent/control/protocol.h"
#include "tools/ktlsctl/daemon_client.h"

namespace ktlsd::ktlsctl {
namespace {

struct Options {
  std::string socket = agent::ControlPath();
};

void AddSocketOption(CLI::App* command, Options& options) {
  command->add_option("--socket", options.socket, "the daemon's control socket")
      ->capture_default_str();
}

Exit PrintAnswer(const Options& options, const std::string& request) {
  const Answer answer = AskDaemon(options.socket, request);
  if (!answer.ok) {
    return Complain(answer.text);
  }
  std::fwrite(answer.text.data(), 1, answer.text.size(), stdout);
  return Exit::kFine;
}

void AddPlain(CommandLine& line, const std::string& request,
              const std::string& description) {
  const auto options = std::make_shared<Options>();
  AddSocketOption(
      line.Add(request, description,
               [options, request] { return PrintAnswer(*options, request); }),
      *options);
}

}  // namespace

void AddDaemonCommands(CommandLine& line) {
  AddPlain(line, "status", "The daemon, its processes and its settings");
  AddPlain(line, "sessions", "The newest handshakes");
  AddPlain(line, "metrics", "Counters for Prometheus");
}

}  // namespace ktlsd::ktlsctl
