// What every subcommand of ktlsctl is made of.
//
// Scope:     registration and exit codes; CLI11 reads the arguments.
// Layer:     tools/ktlsctl.
// Threads:   one thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>

namespace ktlsd::ktlsctl {

// The program's exit code.
enum class Exit : int {
  kFine = 0,
  kNegative = 1,  // it worked, and the answer is no, or a warning
  kMisuse = 2,    // wrong arguments, or what is asked cannot be reached
};

class CommandLine {
 public:
  CommandLine();

  // A subcommand; `run` is called if it is the one that was given, after all
  // its options were read. The options are added by the caller, bound to what
  // `run` keeps alive.
  CLI::App* Add(const std::string& name, const std::string& description,
                std::function<Exit()> run);

  // Reads the arguments and runs the one subcommand.
  Exit Run(int count, const char* const* arguments);

 private:
  CLI::App app_;
  std::function<Exit()> chosen_;
};

// "ktlsctl: TEXT" on standard error; returns `exit`.
Exit Complain(const std::string& text, Exit exit = Exit::kMisuse);

}  // namespace ktlsd::ktlsctl
