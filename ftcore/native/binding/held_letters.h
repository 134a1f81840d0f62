// Letters as Python holds them, for the functions that ask about characters.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <utility>

#include "binding/array.h"
#include "cutting/letters.h"
#include "binding/require.h"

namespace ftcore {

// `native.Letters(ask)`: what ask(number) says of the 256 characters from 256 * number on, kept.
struct HeldLetters {
  explicit HeldLetters(nb::callable given)
      : ask(std::move(given)), letters([this](uint32_t number, Letters::Page& page) {
          nb::gil_scoped_acquire gil;
          nb::object rows = ask(number);
          Held<const uint32_t, 2> held;
          require(held.take(rows.ptr()) && held->shape[0] == 256 && held->shape[1] == 2,
                  "Letters: uint32[256, 2] is wanted of a page: flags and lower case");
          for (int64_t i = 0; i < 256; ++i) page.of[i] = {(*held)[2 * i], (*held)[2 * i + 1]};
        }) {}

  nb::callable ask;
  Letters letters;
};

}  // namespace ftcore
