#include "agent/netlink/policy.h"

#include <linux/genetlink.h>

#include <initializer_list>

#include "agent/netlink/attributes.h"

namespace ktlsd::agent {
namespace {

// Of CTRL_ATTR_OP_POLICY's nests, and the kind of the attribute itself: not in
// the headers of every supported distribution.
constexpr uint16_t kAttributeOfPolicy = 8;     // CTRL_ATTR_POLICY
constexpr uint16_t kAttributeOfOperation = 9;  // CTRL_ATTR_OP_POLICY
constexpr uint16_t kPolicyOfDo = 1;            // CTRL_ATTR_POLICY_DO
constexpr uint16_t kTypeOfAttribute = 1;       // NL_POLICY_TYPE_ATTR_TYPE
constexpr uint32_t kTypeText = 11;             // NL_ATTR_TYPE_STRING
constexpr uint32_t kTypeTextWithNul = 12;      // NL_ATTR_TYPE_NUL_STRING

constexpr std::size_t kMostEntries = 64;

template <typename Attributes>
KernelPolicy::Set SetOf(std::initializer_list<Attributes> attributes) {
  KernelPolicy::Set set;
  for (const Attributes attribute : attributes) {
    set.set(static_cast<std::size_t>(attribute));
  }
  return set;
}

// What the kernel tells of one attribute of a policy.
bool IsText(ByteView facts) {
  while (const auto fact = NextAttribute(facts)) {
    if (fact->type == kTypeOfAttribute) {
      const std::optional<uint32_t> type = U32Of(fact->payload);
      return type == kTypeText || type == kTypeTextWithNul;
    }
  }
  return false;
}

}  // namespace

KernelPolicy::KernelPolicy()
    : accept_(SetOf({AcceptAttribute::kHandlerClass})),
      done_(SetOf({DoneAttribute::kStatus, DoneAttribute::kSocket,
                   DoneAttribute::kRemoteAuth})) {}

std::string KernelPolicy::List(const Set& set) {
  std::string list;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set.test(i)) {
      list += (list.empty() ? "" : ",") + std::to_string(i);
    }
  }
  return list;
}

void PolicyReader::Take(ByteView attributes) {
  while (const auto attribute = NextAttribute(attributes)) {
    if (attribute->type == kAttributeOfOperation) {
      TakeOperation(attribute->payload);
    } else if (attribute->type == kAttributeOfPolicy) {
      TakePolicy(attribute->payload);
    }
  }
}

// A nest by number of the operation, with the numbers of its policies.
void PolicyReader::TakeOperation(ByteView operations) {
  while (const auto operation = NextAttribute(operations)) {
    ByteView policies = operation->payload;
    while (const auto policy = NextAttribute(policies)) {
      const std::optional<uint32_t> number = U32Of(policy->payload);
      if (policy->type == kPolicyOfDo && number.has_value() &&
          operations_.size() < kMostEntries) {
        operations_[operation->type] = *number;
      }
    }
  }
}

// A nest by number of the policy, with nests by number of the attribute.
void PolicyReader::TakePolicy(ByteView policies) {
  while (const auto policy = NextAttribute(policies)) {
    ByteView attributes = policy->payload;
    while (const auto attribute = NextAttribute(attributes)) {
      if (attribute->type < KernelPolicy::kMostAttributes &&
          (policies_.size() < kMostEntries ||
           policies_.contains(policy->type))) {
        policies_[policy->type].set(attribute->type);
        texts_[policy->type].set(attribute->type, IsText(attribute->payload));
      }
    }
  }
}

std::optional<KernelPolicy::Set> PolicyReader::Of(
    HandshakeCommand command, const Policies& policies) const {
  const auto operation = operations_.find(static_cast<uint16_t>(command));
  if (operation == operations_.end() || operation->second > UINT16_MAX) {
    return std::nullopt;
  }
  const auto policy = policies.find(static_cast<uint16_t>(operation->second));
  return policy == policies.end() ? std::nullopt
                                  : std::optional(policy->second);
}

std::optional<KernelPolicy> PolicyReader::Finish() const {
  const auto accept = Of(HandshakeCommand::kAccept, policies_);
  const auto done = Of(HandshakeCommand::kDone, policies_);
  const auto texts = Of(HandshakeCommand::kDone, texts_);
  return accept.has_value() && done.has_value()
             ? std::optional(KernelPolicy(*accept, *done,
                                          texts.value_or(KernelPolicy::Set())))
             : std::nullopt;
}

}  // namespace ktlsd::agent
