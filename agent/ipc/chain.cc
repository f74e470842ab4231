#include "agent/ipc/chain.h"

#include <optional>
#include <utility>

namespace ktlsd::agent {

void AppendChain(const std::vector<Bytes>& chain, Bytes& payload) {
  ByteWriter writer;
  for (const Bytes& der : chain) {
    writer.Prefixed(3, [&] { writer.Append(der); });
  }
  payload.insert(payload.end(), writer.view().begin(), writer.view().end());
}

Result<std::vector<Bytes>> ParseChain(ByteView payload,
                                      std::size_t certificates) {
  ByteReader reader(payload);
  std::vector<Bytes> chain;
  while (chain.size() < certificates) {
    const std::optional<ByteView> der = reader.Prefixed24();
    if (!der || der->empty()) {
      return Error{Code::kApiMisuse, "a chain that ends early"};
    }
    chain.emplace_back(der->begin(), der->end());
  }
  if (!reader.done()) {
    return Error{Code::kApiMisuse, "bytes behind a chain"};
  }
  return chain;
}

}  // namespace ktlsd::agent
