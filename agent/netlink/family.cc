#include "agent/netlink/family.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "agent/netlink/attributes.h"

namespace ktlsd::agent {
namespace {

constexpr uint8_t kControlVersion = 2;
constexpr uint8_t kGetPolicy = 10;  // CTRL_CMD_GETPOLICY

// Whether `payload` is this name, with the NUL at its end.
bool IsName(ByteView payload, std::string_view name) {
  return payload.size() == name.size() + 1 && payload.back() == 0 &&
         std::equal(name.begin(), name.end(), payload.begin());
}

std::optional<uint32_t> GroupOf(ByteView groups) {
  while (const auto group = NextAttribute(groups)) {
    ByteView fields = group->payload;
    std::optional<uint32_t> id;
    bool named = false;
    while (const auto field = NextAttribute(fields)) {
      if (field->type == CTRL_ATTR_MCAST_GRP_ID) {
        id = U32Of(field->payload);
      } else if (field->type == CTRL_ATTR_MCAST_GRP_NAME) {
        named = IsName(field->payload, kHandshakeGroup);
      }
    }
    if (named && id.has_value()) {
      return id;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Family> FindFamily(Asker& kernel) {
  Message message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, kControlVersion, 0);
  message.Text(CTRL_ATTR_FAMILY_NAME, kHandshakeFamily);
  const Error none{Code::kNetlinkFailed,
                   "this kernel has no handshake upcall (net/handshake)",
                   ENOENT};
  const Result<Asker::Answer> answer = kernel.Ask(message, CTRL_CMD_NEWFAMILY);
  if (!answer.ok()) {
    return kernel.refused() ? none : answer.error();
  }
  std::optional<uint16_t> id;
  std::optional<uint32_t> group;
  ByteView attributes = answer->attributes.value_or(ByteView());
  while (const auto attribute = NextAttribute(attributes)) {
    if (attribute->type == CTRL_ATTR_FAMILY_ID) {
      id = U16Of(attribute->payload);
    } else if (attribute->type == CTRL_ATTR_MCAST_GROUPS) {
      group = GroupOf(attribute->payload);
    }
  }
  if (!id.has_value() || !group.has_value()) {
    return none;
  }
  return Family{*id, *group};
}

KernelPolicy ReadPolicy(Asker& kernel, const Family& family) {
  Message message(GENL_ID_CTRL, kGetPolicy, kControlVersion, NLM_F_DUMP);
  message.U16(CTRL_ATTR_FAMILY_ID, family.id);
  PolicyReader reader;
  const Status read =
      kernel.Dump(message, kGetPolicy,
                  [&reader](ByteView attributes) { reader.Take(attributes); });
  return read.ok() ? reader.Finish().value_or(KernelPolicy()) : KernelPolicy();
}

}  // namespace ktlsd::agent
