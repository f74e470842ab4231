#include "tools/ktlsctl/local/handshake_command.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/check/try_peer.h"
#include "agent/config/config.h"
#include "agent/upcall/consumer.h"

namespace ktlsd::ktlsctl {
namespace {

struct Options {
  std::string config = agent::DefaultConfigPath();
  std::string target;
  std::string consumer = "nfs-client";
  std::string security;
  std::optional<std::string> name;
  std::optional<std::string> psk_identity;
  std::optional<std::string> psk_file;
  unsigned timeout = 10;  // seconds
};

// "host:port", "192.0.2.1:port", "[2001:db8::1]:port".
std::optional<std::pair<std::string, std::string>> Split(
    const std::string& target) {
  const std::size_t colon = target.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == target.size()) {
    return std::nullopt;
  }
  std::string host = target.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  return std::pair(std::move(host), target.substr(colon + 1));
}

agent::Security SecurityOf(const std::string& word) {
  if (word.empty()) {
    return agent::Security::kConfigured;
  }
  return word == "mtls" ? agent::Security::kMtls : agent::Security::kTls;
}

Exit Run(const Options& options) {
  auto target = Split(options.target);
  if (!target.has_value()) {
    return Complain("the server is HOST:PORT, or [ADDRESS]:PORT");
  }
  const bool nvme = options.consumer == "nvme-host";
  if (!nvme && options.psk_file.has_value()) {
    return Complain("pre-shared keys are for --consumer nvme-host");
  }
  agent::PeerQuestion question;
  question.consumer =
      nvme ? agent::Consumer::kNvmeHost : agent::Consumer::kNfsClient;
  question.host = std::move(target->first);
  question.port = std::move(target->second);
  question.name = options.name;
  question.security = SecurityOf(options.security);
  if (options.psk_file.has_value()) {
    question.psk =
        agent::GivenPsk{options.psk_identity.value_or(""), *options.psk_file};
  }
  question.patience = std::chrono::seconds(options.timeout);
  const agent::Answer answer = agent::TryPeerFromHere(options.config, question);
  std::fputs(answer.text.c_str(), stdout);
  return answer.ok ? Exit::kFine : Exit::kNegative;
}

void AddPskOptions(CLI::App* command, Options& options) {
  CLI::Option* const identity = command->add_option(
      "--psk-identity", options.psk_identity,
      "offer one key under this identity, not those of the keyrings");
  CLI::Option* const file = command->add_option(
      "--psk-file", options.psk_file,
      "the key, in hexadecimal digits, in a file that is root's alone");
  identity->needs(file);
  file->needs(identity);
}

}  // namespace

void AddHandshakeCommand(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* const command = line.Add(
      "handshake", "A handshake with a server, as a consumer would have it",
      [options] { return Run(*options); });
  command->add_option("server", options->target, "HOST:PORT")->required();
  command->add_option("-c,--config", options->config, "the configuration file")
      ->capture_default_str();
  command
      ->add_option("--consumer", options->consumer,
                   "nfs-client (RPC asks for TLS first) or nvme-host")
      ->check(CLI::IsMember({"nfs-client", "nvme-host"}))
      ->capture_default_str();
  command->add_option("--name", options->name,
                      "the name that the server must have, if not HOST");
  command
      ->add_option("--xprtsec", options->security,
                   "tls or mtls; if not given, mtls where there is a "
                   "certificate")
      ->check(CLI::IsMember({"tls", "mtls"}));
  command->add_option("--timeout", options->timeout, "seconds")
      ->check(CLI::Range(1U, 600U))
      ->capture_default_str();
  AddPskOptions(command, *options);
}

}  // namespace ktlsd::ktlsctl
