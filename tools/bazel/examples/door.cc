#include "tools/bazel/examples/door.h"

namespace ktlsd {

bool Door::Knock(std::span<const uint8_t> knock) const {
  return knock.size() > bolts_;
}

}  // namespace ktlsd
