// Which attributes the running kernel takes, as it says itself.
//
// Scope:     a value, and the reading of the dump that it is made from. An
//            attribute that a kernel does not know makes it refuse the whole
//            message, so one that came later is sent only to a kernel whose
//            policy names it; a kernel that does not tell gets those that the
//            first kernels had.
// Layer:     agent/netlink.
// Threads:   value types.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/netlink/handshake_uapi.h"
#include "base/bytes.h"

namespace ktlsd::agent {

class KernelPolicy {
 public:
  static constexpr std::size_t kMostAttributes = 64;
  using Set = std::bitset<kMostAttributes>;

  // Of a kernel that does not tell.
  KernelPolicy();
  // `done_texts`: those of `done` that are text.
  KernelPolicy(Set accept, Set done, Set done_texts)
      : told_(true), accept_(accept), done_(done), done_texts_(done_texts) {}

  bool told() const { return told_; }
  bool AcceptTakes(AcceptAttribute attribute) const {
    return Has(accept_, static_cast<std::size_t>(attribute));
  }
  bool DoneTakes(DoneAttribute attribute) const {
    return Has(done_, static_cast<std::size_t>(attribute));
  }
  // For a number that may come to mean something else.
  bool DoneTakesText(DoneAttribute attribute) const {
    return Has(done_texts_, static_cast<std::size_t>(attribute));
  }
  // "1,2,3"
  std::string accept_attributes() const { return List(accept_); }
  std::string done_attributes() const { return List(done_); }

 private:
  static bool Has(const Set& set, std::size_t attribute) {
    return attribute < set.size() && set.test(attribute);
  }
  static std::string List(const Set& set);

  bool told_ = false;
  Set accept_;
  Set done_;
  Set done_texts_;
};

// Reads the messages of one dump (CTRL_CMD_GETPOLICY).
class PolicyReader {
 public:
  // The attributes of one message of it.
  void Take(ByteView attributes);
  // Nothing if it did not name the policies of ACCEPT and DONE.
  std::optional<KernelPolicy> Finish() const;

 private:
  void TakeOperation(ByteView operations);
  void TakePolicy(ByteView policies);
  using Policies = std::map<uint16_t, KernelPolicy::Set>;
  std::optional<KernelPolicy::Set> Of(HandshakeCommand command,
                                      const Policies& policies) const;

  // Bounded: numbers beyond are not looked at.
  std::map<uint16_t, uint32_t> operations_;  // number of the policy
  Policies policies_;                        // by that number
  Policies texts_;  // of those in `policies_`, the attributes that are text
};

}  // namespace ktlsd::agent
