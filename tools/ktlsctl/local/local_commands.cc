#include "tools/ktlsctl/local/local_commands.h"

#include "tools/ktlsctl/local/check_command.h"

namespace ktlsd::ktlsctl {

void AddLocalCommands(CommandLine& line) { AddCheckCommand(line); }

}  // namespace ktlsd::ktlsctl
