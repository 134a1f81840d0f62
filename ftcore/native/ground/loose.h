// Floats that may lie at any address: a table mapped from a file seldom starts at a multiple of four.
// The compiler loads them as it would others; it only stops assuming that the address is even.
#pragma once

namespace ftcore {

typedef float loose_float __attribute__((aligned(1)));

}  // namespace ftcore
