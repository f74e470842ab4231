// A set of lambdas as one visitor, for std::visit over a closed variant.
//
// Scope:     no default arm: an alternative that no lambda takes does not
//            compile.
// Layer:     base.
// Threads:   as the lambdas.
#pragma once

namespace ktlsd {

template <typename... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overload(Ts...) -> Overload<Ts...>;

}  // namespace ktlsd
