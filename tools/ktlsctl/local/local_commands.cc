#include "tools/ktlsctl/local/local_commands.h"

#include "tools/ktlsctl/local/check_command.h"
#include "tools/ktlsctl/local/handshake_command.h"
#include "tools/ktlsctl/local/verify_command.h"

namespace ktlsd::ktlsctl {

void AddLocalCommands(CommandLine& line) {
  AddCheckCommand(line);
  AddVerifyCommand(line);
  AddHandshakeCommand(line);
}

}  // namespace ktlsd::ktlsctl
