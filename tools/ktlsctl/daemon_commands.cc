#include "tools/ktlsctl/daemon_commands.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "agent/control/json.h"
#include "agent/control/protocol.h"
#include "tools/ktlsctl/daemon_client.h"
#include "tools/ktlsctl/metrics_text.h"
#include "tools/ktlsctl/sessions_view.h"
#include "tools/ktlsctl/status_view.h"

namespace ktlsd::ktlsctl {
namespace {

using agent::Json;

struct Options {
  std::string socket = agent::ControlPath();
  bool json = false;
  SessionFilter filter;
  bool live = false;
  std::string output;
};

using Show = std::function<Exit(const Json& answer, const Options& options)>;

Exit Print(const std::string& text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
      std::fflush(stdout) == 0;
  return written ? Exit::kFine : Complain("cannot write the answer");
}

Exit Ask(const std::string& question, const Options& options,
         const Show& show) {
  const Answer answer = AskDaemon(options.socket, question);
  if (!answer.ok) {
    return Complain(answer.text);
  }
  try {
    return show(Json::parse(answer.text), options);
  } catch (const Json::exception&) {
    return Complain("ktlsd's answer is not of this version of ktlsctl");
  }
}

Exit ShowStatus(const Json& answer, const Options& options) {
  const Exit printed =
      Print(options.json ? agent::Dump(answer) : StatusText(answer));
  return printed == Exit::kFine && !IsWell(answer) ? Exit::kNegative : printed;
}

Exit ShowSessions(const Json& answer, const Options& options) {
  if (options.live) {
    const Json& live = answer.at("live");
    return Print(options.json ? agent::Dump(Json{{"live", live}})
                              : LiveText(live));
  }
  const Json selected = Select(answer.at("sessions"), options.filter);
  return Print(options.json ? agent::Dump(Json{{"sessions", selected}})
                            : SessionsText(selected));
}

Exit ShowMetrics(const Json& answer, const Options& options) {
  const std::string text =
      options.json ? agent::Dump(answer) : MetricsText(answer);
  if (options.output.empty()) {
    return Print(text);
  }
  const std::string why = ReplaceFile(options.output, text);
  return why.empty() ? Exit::kFine : Complain(why);
}

struct Added {
  CLI::App* command;
  std::shared_ptr<Options> options;
};

Added AddQuestion(CommandLine& line, const std::string& question,
                  const std::string& description, const Show& show) {
  const auto options = std::make_shared<Options>();
  CLI::App* const command = line.Add(
      question, description,
      [question, options, show] { return Ask(question, *options, show); });
  command
      ->add_option("--socket", options->socket, "The daemon's control socket")
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON, for a program");
  return {command, options};
}

}  // namespace

void AddDaemonCommands(CommandLine& line) {
  AddQuestion(line, "status", "The daemon, its processes and its settings",
              ShowStatus);
  const Added sessions = AddQuestion(
      line, "sessions", "The newest handshakes, newest last", ShowSessions);
  SessionFilter& filter = sessions.options->filter;
  sessions.command->add_flag("--live", sessions.options->live,
                             "Those that are up and watched instead");
  sessions.command->add_flag("--failed", filter.failed,
                             "Only those that did not succeed");
  sessions.command->add_option("--peer", filter.peer,
                               "Only those with this address or name");
  sessions.command->add_option("--last", filter.last, "Only so many");
  const Added metrics =
      AddQuestion(line, "metrics", "Numbers for Prometheus", ShowMetrics);
  metrics.command->add_option(
      "--output", metrics.options->output,
      "Into this file, replaced as a whole, for node_exporter");
}

}  // namespace ktlsd::ktlsctl
