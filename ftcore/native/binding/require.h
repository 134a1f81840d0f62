// What the bind_*.cc files refuse, and how: arguments that do not fit each other end in an error of Python's.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "binding/array.h"

namespace ftcore {

// Refuses arguments that do not fit each other: a ValueError.
inline void require(bool holds, const char* what) {
  if (!holds) throw nb::value_error(what);
}

// The bound object that a Python object is; a TypeError where it is another, or one that was never made.
template <class T>
T& object_of(nb::handle given, const char* what) {
  T* found = nullptr;
  if (!nb::try_cast<T*>(given, found) || found == nullptr) throw nb::type_error(what);
  return *found;
}

// Offsets of ragged rows: rising from 0 or more, and within `size` elements.
inline void require_offsets(const Vector<const int64_t>& offsets, int64_t size, const char* name) {
  bool fits = offsets.size() > 0 && offsets[0] >= 0 && offsets[offsets.size() - 1] <= size;
  for (int64_t i = 1; fits && i < offsets.size(); ++i) fits = offsets[i - 1] <= offsets[i];
  if (!fits) throw nb::value_error((std::string(name) + ": offsets must rise and stay within the array").c_str());
}

// Every id names a row: -extra <= id < rows.
inline void require_rows(const Vector<const int32_t>& ids, int64_t rows, int64_t extra, const char* name) {
  bool fits = true;
  for (int64_t i = 0; i < ids.size(); ++i) fits &= -extra <= ids[i] && ids[i] < rows;
  if (!fits) throw nb::value_error((std::string(name) + ": an id names no row").c_str());
}

// Children of inner nodes as a tree has them: each of one parent that was made after it.
void require_tree(const Vector<const int32_t>& left, const Vector<const int32_t>& right);

}  // namespace ftcore
