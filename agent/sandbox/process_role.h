// The processes that the monitor starts.
//
// Layer:     agent/sandbox.
#pragma once

#include <cstdint>
#include <string_view>

namespace ktlsd::agent {

enum class ProcessRole : uint8_t {
  kKeeper,
  kVerifier,
  kWorker,
  kTokenKeeper,  // a keeper, where a key is in a token
};

constexpr std::string_view RoleName(ProcessRole role) {
  switch (role) {
    case ProcessRole::kKeeper:
      return "keeper";
    case ProcessRole::kVerifier:
      return "verifier";
    case ProcessRole::kWorker:
      return "worker";
    case ProcessRole::kTokenKeeper:
      return "keeper-token";
  }
  return "";
}

}  // namespace ktlsd::agent
