// New numpy arrays at the price of a copy: one is filled, and copied for each answer.
//
// To make an array through numpy's Python functions costs more than a short line's whole prediction; its C
// interface would bind the module to a version of it.
#pragma once

#include "binding/array.h"
#include "binding/require.h"

namespace ftcore {

template <class T>
class Mould {
 public:
  explicit Mould(int64_t size) {
    array_ = nb::module_::import_("numpy").attr("empty")(size, sizeof(T) == 4 ? "float32" : "float64");
    copy_ = array_.attr("copy");
    require(held_.take(array_.ptr()), "numpy.empty gives another array");
  }
  // A new array with these numbers (as many as the mould's size), the GIL held.
  template <class U>
  nb::object filled(const U* numbers) const {
    // numpy lets other threads run while it copies many: they would fill the mould meanwhile
    const bool few = held_->size() <= FEW;
    if (few) fill(held_->data, numbers);
    nb::object made = nb::steal(PyObject_CallNoArgs(copy_.ptr()));
    if (!made.is_valid()) nb::raise_python_error();
    if (few) return made;
    Held<T, 1> filled;
    require(filled.take(made.ptr()), "a copy is another array");
    fill(filled->data, numbers);
    return made;
  }

 private:
  static constexpr int64_t FEW = 256;
  template <class U>
  void fill(T* to, const U* numbers) const {
    for (int64_t i = 0; i < held_->size(); ++i) to[i] = static_cast<T>(numbers[i]);
  }
  nb::object array_, copy_;
  Held<T, 1> held_;
};

}  // namespace ftcore
