#include "agent/check/chain_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <chrono>
#include <ctime>
#include <utility>
#include <vector>

#include "agent/check/pem_file.h"
#include "agent/check/report.h"
#include "agent/config/config.h"
#include "base/bytes.h"
#include "base/result.h"
#include "handshake/peer_verifier.h"
#include "handshake/x509/facts.h"

namespace ktlsd::agent {
namespace {

using handshake::PeerPolicy;
using handshake::Refusal;
using handshake::TrustStore;
using handshake::VerifiedChain;

RefusedChain Unusable(const Problem& problem) {
  return {problem.code, problem.file + ": " + problem.reason};
}

// A server is never judged without a name; where none is asked about, any will
// do, for it is not compared.
PeerPolicy PolicyOf(const ChainQuestion& question) {
  PeerPolicy policy = {question.role, {}, question.now};
  policy.profile = question.trust.profile;
  if (question.name.has_value()) {
    policy.names.push_back(*question.name);
  } else if (question.role == handshake::Role::kServer) {
    policy.names.push_back(
        std::move(handshake::ServerName::Parse("any.invalid")).value());
  }
  return policy;
}

std::string AcceptedText(const handshake::CertificateFacts& facts,
                         const VerifiedChain& chain, bool name_compared) {
  return fmt::format(
      "accepted: {}, of {}{}{}; until {} if nothing is revoked{}",
      facts.subject, facts.issuer, facts.names.empty() ? "" : ", for ",
      fmt::join(facts.names, ", "), DateText(chain.window().until),
      name_compared ? "" : "; no name was compared");
}

}  // namespace

std::variant<AcceptedChain, RefusedChain> JudgeChain(
    const ChainQuestion& question) {
  const auto chain = ReadChain(question.chain);
  if (const Problem* problem = std::get_if<Problem>(&chain)) {
    return Unusable(*problem);
  }
  const auto& ders = std::get<std::vector<Bytes>>(chain);
  const auto store = OpenTrust(question.trust);
  if (const Problem* problem = std::get_if<Problem>(&store)) {
    return Unusable(*problem);
  }
  const PeerPolicy policy = PolicyOf(question);
  const auto verified = std::get<TrustStore>(store).VerifyChain(policy, ders);
  if (const Refusal* refusal = std::get_if<Refusal>(&verified)) {
    return RefusedChain{refusal->error.code, refusal->detail};
  }
  const VerifiedChain& accepted = std::get<VerifiedChain>(verified);
  if (question.name.has_value()) {
    const Status named = accepted.CheckName(policy);
    if (!named.ok()) {
      return RefusedChain{named.error().code, std::string(named.error().what)};
    }
  }
  const auto facts = handshake::DescribeCertificate(ders.front());
  if (!facts.ok()) {
    return RefusedChain{facts.error().code, std::string(facts.error().what)};
  }
  return AcceptedChain{
      AcceptedText(*facts, accepted, question.name.has_value())};
}

std::optional<CalendarTime> ParseTime(const std::string& text) {
  for (const char* const form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* const rest = ::strptime(text.c_str(), form, &parts);
    if (rest == nullptr || *rest != '\0') {
      continue;
    }
    const std::time_t time = ::timegm(&parts);
    // What is not in the calendar was moved to the next day that is.
    std::array<char, 32> again{};
    std::tm normal{};
    ::gmtime_r(&time, &normal);
    std::strftime(again.data(), again.size(), form, &normal);
    if (text == again.data()) {
      return std::chrono::system_clock::from_time_t(time);
    }
  }
  return std::nullopt;
}

}  // namespace ktlsd::agent
