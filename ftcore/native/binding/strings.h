// Python's strings as bytes, without a copy where none is needed.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

#include "words/bytes.h"

namespace nb = nanobind;

namespace ftcore {

// UTF-8 of a str, kept by it, or what bytes hold; a lone surrogate, which UTF-8 has no place for, has three bytes,
// in an object that goes to `kept`. False, and no Python error, for another object.
inline bool bytes_of(PyObject* given, Bytes& out, std::vector<nb::object>& kept) {
  Py_ssize_t size;
  if (PyUnicode_Check(given)) {
    if (const char* data = PyUnicode_AsUTF8AndSize(given, &size)) {
      out = {data, size};
      return true;
    }
    PyErr_Clear();
    nb::object encoded = nb::steal(PyUnicode_AsEncodedString(given, "utf-8", "surrogatepass"));
    if (!encoded.is_valid()) {
      PyErr_Clear();
      return false;
    }
    kept.push_back(encoded);
    given = kept.back().ptr();
  }
  char* data;
  if (!PyBytes_Check(given) || PyBytes_AsStringAndSize(given, &data, &size) != 0) {
    PyErr_Clear();
    return false;
  }
  out = {data, size};
  return true;
}

// Things that calls use one after another, so that none makes its own. Held by whoever holds the GIL.
template <class T>
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  std::unique_ptr<T> take() {
    if (free_.empty()) return std::make_unique<T>();
    std::unique_ptr<T> one = std::move(free_.back());
    free_.pop_back();
    return one;
  }
  void give(std::unique_ptr<T> one) { free_.push_back(std::move(one)); }

 private:
  std::vector<std::unique_ptr<T>> free_;
};

constexpr int64_t SHORT = 256;       // bytes of a line that takes less than a microsecond or two
constexpr int64_t KEPT = 16 << 20;   // bytes of a text whose scratch memory is kept for the next call

}  // namespace ftcore
