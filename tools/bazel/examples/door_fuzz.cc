#include <cstddef>
#include <cstdint>

#include "tools/bazel/examples/door.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ktlsd::Door door;
  if (door.Knock({data, size}) != (size > 3)) {
    __builtin_trap();
  }
  return 0;
}
