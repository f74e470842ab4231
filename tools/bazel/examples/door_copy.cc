#include <utility>

#include "tools/bazel/examples/door.h"

ktlsd::Door Take(ktlsd::Door& door) {
#ifdef CONTROL
  return std::move(door);
#else
  return door;
#endif
}
