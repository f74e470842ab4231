#include "tools/ktlsctl/local/check_command.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "agent/check/check.h"
#include "agent/check/outlook.h"
#include "agent/check/report.h"
#include "agent/config/config.h"
#include "agent/upcall/consumer.h"

namespace ktlsd::ktlsctl {
namespace {

struct Options {
  std::string config = agent::DefaultConfigPath();
  std::string consumer;
  std::string peer;
  std::string netns;
};

Exit Print(const agent::Report& report) {
  for (const agent::Finding& finding : report.findings()) {
    std::puts(agent::Line(finding).c_str());
  }
  std::puts(agent::Summary(report).c_str());
  return report.Count(agent::Severity::kError) == 0 ? Exit::kFine
                                                    : Exit::kNegative;
}

Exit Run(const Options& options) {
  if (options.consumer.empty()) {
    return Print(agent::CheckThisHost(options.config, std::nullopt));
  }
  const auto consumer = agent::ConsumerCalled(options.consumer);
  if (!consumer.has_value()) {
    return Complain("--consumer is none of those that --help names");
  }
  if (*consumer == agent::Consumer::kNfsClient && options.peer.empty()) {
    return Complain("a mount has a server: name it with --peer");
  }
  return Print(agent::CheckThisHost(
      options.config, agent::Question{*consumer, options.peer, options.netns}));
}

}  // namespace

void AddCheckCommand(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* const command = line.Add(
      "check", "Configuration, files, kernel and keyrings, without the daemon",
      [options] { return Run(*options); });
  command->add_option("-c,--config", options->config, "the configuration file")
      ->capture_default_str();
  CLI::Option* const consumer = command->add_option(
      "--consumer", options->consumer,
      "say what would happen for it: nfs-client, nfsd, nvme-host, nvme-target");
  command
      ->add_option("--peer", options->peer,
                   "and for this name or address of the other side")
      ->needs(consumer);
  command
      ->add_option("--netns", options->netns,
                   "and for one in this network namespace, not the daemon's")
      ->needs(consumer);
}

}  // namespace ktlsd::ktlsctl
