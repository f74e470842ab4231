#include "agent/control/counters.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>

#include "agent/ipc/wire_types.h"
#include "agent/sandbox/process_role.h"
#include "agent/upcall/consumer.h"
#include "base/error_codes.h"

namespace ktlsd::agent {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::string_view kOther = "other";
constexpr std::string_view kNoCode = "none";
constexpr std::string_view kOk = "ok";
constexpr std::array<std::string_view, 3> kOutcomes = {kOk, "refused",
                                                       "failed"};
constexpr std::array kConsumers = {Consumer::kNfsClient, Consumer::kNfsd,
                                   Consumer::kNvmeHost, Consumer::kNvmeTarget,
                                   Consumer::kUnknown};

Words SideWords() {
  static const std::array<std::string_view, 2> words = {
      SideName(Side::kClient), SideName(Side::kServer)};
  return words;
}

Words ConsumerWords() {
  static const auto words = [] {
    std::array<std::string_view, kConsumers.size()> names;
    std::ranges::transform(kConsumers, names.begin(), ConsumerName);
    return names;
  }();
  return words;
}

Words CodeWords() {
  static const auto words = [] {
    std::array<std::string_view, kCodeCount> labels;
    for (uint16_t code = 0; code < kCodeCount; ++code) {
      labels[code] = Describe(static_cast<Code>(code)).label;
    }
    return labels;
  }();
  return words;
}

Words RoleWords() {
  static const std::array<std::string_view, 4> words = {
      RoleName(ProcessRole::kKeeper), RoleName(ProcessRole::kTokenKeeper),
      RoleName(ProcessRole::kVerifier), RoleName(ProcessRole::kWorker)};
  return words;
}

std::optional<std::string_view> Field(const LogEvent& event,
                                      std::string_view name) {
  for (const auto& [field, value] : event.fields) {
    if (field == name) {
      return value;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> Number(const LogEvent& event, std::string_view name) {
  const std::optional<std::string_view> text = Field(event, name);
  uint64_t number = 0;
  if (!text.has_value() ||
      std::from_chars(text->data(), text->data() + text->size(), number).ec !=
          std::errc()) {
    return std::nullopt;
  }
  return number;
}

// The table's own word, never the event's bytes.
std::string_view Label(const LogEvent& event, std::string_view name,
                       Words words) {
  const auto found =
      std::ranges::find(words, Field(event, name).value_or(kOther));
  return found == words.end() ? kOther : *found;
}

}  // namespace

void DurationHistogram::Add(double seconds) {
  const auto bucket = std::ranges::lower_bound(kBounds, seconds);
  ++buckets_[static_cast<std::size_t>(bucket - kBounds.begin())];
  ++count_;
  sum_ += seconds;
}

uint64_t DurationHistogram::cumulative(std::size_t bound) const {
  uint64_t count = 0;
  for (std::size_t i = 0; i <= bound; ++i) {
    count += buckets_[i];
  }
  return count;
}

Counters::Counters() {
  const auto zero = [this](Consumer consumer, Side side) {
    handshakes_[{ConsumerName(consumer), SideName(side), kOk, kNoCode}] = 0;
  };
  zero(Consumer::kNfsClient, Side::kClient);
  zero(Consumer::kNfsd, Side::kServer);
  zero(Consumer::kNvmeHost, Side::kClient);
  zero(Consumer::kNvmeTarget, Side::kServer);
}

void Counters::Count(const LogEvent& event) {
  switch (event.kind) {
    case EventKind::kHandshakeDone:
      return CountHandshake(event);
    case EventKind::kProcessEnded:
      return CountProcess(event, "ended");
    case EventKind::kProcessMisbehaved:
      return CountProcess(event, "misbehaved");
    case EventKind::kProcessReplaced:
      return CountProcess(event, "replaced");
    case EventKind::kKernelTrouble:
      ++kernel_troubles_;
      netlink_overruns_ += Number(event, "overruns").value_or(0);
      return;
    case EventKind::kConfigProblem:
      ++config_problems_;
      return;
    default:
      return;
  }
}

void Counters::CountHandshake(const LogEvent& event) {
  const bool has_code = Field(event, "code").has_value();
  ++handshakes_[{Label(event, "consumer", ConsumerWords()),
                 Label(event, "side", SideWords()),
                 Label(event, "outcome", kOutcomes),
                 has_code ? Label(event, "code", CodeWords()) : kNoCode}];
  for (std::size_t phase = 0; phase < kPhaseNames.size(); ++phase) {
    if (const std::optional<uint64_t> microseconds =
            Number(event, std::string(kPhaseNames[phase]) + "_us")) {
      durations_[phase].Add(static_cast<double>(*microseconds) / 1e6);
    }
  }
}

void Counters::CountProcess(const LogEvent& event, std::string_view what) {
  ++processes_[{Label(event, "role", RoleWords()), what}];
}

}  // namespace ktlsd::agent
