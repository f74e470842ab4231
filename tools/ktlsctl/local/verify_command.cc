#include "tools/ktlsctl/local/verify_command.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "agent/check/chain_check.h"
#include "agent/check/explain.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"

namespace ktlsd::ktlsctl {
namespace {

using handshake::Role;

struct Options {
  std::string chain;
  std::string trust;
  std::optional<std::string> crl;
  std::string role;
  std::optional<std::string> eku;
  std::optional<std::string> name;
  std::optional<std::string> time;
};

Exit Print(
    const std::variant<agent::AcceptedChain, agent::RefusedChain>& verdict) {
  if (const auto* const refused = std::get_if<agent::RefusedChain>(&verdict)) {
    std::fputs(
        agent::Explain("refused", refused->code, refused->reason).c_str(),
        stdout);
    return Exit::kNegative;
  }
  std::puts(std::get<agent::AcceptedChain>(verdict).text.c_str());
  return Exit::kFine;
}

Exit Run(const Options& options) {
  agent::ChainQuestion question;
  question.chain = options.chain;
  question.trust = {options.trust, false, options.crl,
                    options.eku.has_value()
                        ? handshake::CertificateProfile::kRpcWithTls
                        : handshake::CertificateProfile::kTls};
  question.role = options.role == "server" ? Role::kServer : Role::kClient;
  question.now = std::chrono::system_clock::now();
  if (options.name.has_value()) {
    auto name = handshake::ServerName::Parse(*options.name);
    if (!name.ok()) {
      return Complain("--name is neither a host name nor an address");
    }
    question.name = std::move(name).value();
  }
  if (options.time.has_value()) {
    const auto time = agent::ParseTime(*options.time);
    if (!time.has_value()) {
      return Complain(
          "--time is neither like 2026-12-24 nor 2026-12-24T18:00:00Z");
    }
    question.now = *time;
  }
  return Print(agent::JudgeChain(question));
}

}  // namespace

void AddVerifyCommand(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* const command =
      line.Add("verify", "A chain in a file, judged like that of a peer",
               [options] { return Run(*options); });
  command
      ->add_option("--chain", options->chain,
                   "PEM, the peer's own certificate first")
      ->required();
  command->add_option("--trust", options->trust, "PEM of the authorities")
      ->required();
  command->add_option("--crl", options->crl, "PEM of revocation lists");
  command->add_option("--role", options->role, "server or client: who shows it")
      ->required()
      ->check(CLI::IsMember({"server", "client"}));
  command
      ->add_option("--eku", options->eku,
                   "rpc: as the daemon judges with eku=rpc")
      ->check(CLI::IsMember({"rpc"}));
  command->add_option("--name", options->name,
                      "the name or address that it must have");
  command->add_option("--time", options->time,
                      "2026-12-24, 2026-12-24T18:00:00Z; now, if not given");
}

}  // namespace ktlsd::ktlsctl
