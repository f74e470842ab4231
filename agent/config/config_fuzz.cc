// Any text in the place of the configuration file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static_cast<void>(ktlsd::agent::ParseConfig(
      std::string_view(reinterpret_cast<const char*>(data), size)));
  return 0;
}
