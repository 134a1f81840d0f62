// Arrays as functions take them: borrowed from numpy (or whatever has a buffer), checked, never copied.
//
//   void scale(Array<float, 2> rows, Array<const int32_t, 1> ids)
//
// takes a writable float32 matrix and an int32 vector, both C-contiguous and aligned to their type, or the
// call is a TypeError before the function runs. `Table` takes any alignment (loose.h).
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "ground/buffer.h"
#include "ground/loose.h"

namespace nb = nanobind;

namespace ftcore {

template <class T, int N, bool Aligned = true>
struct Array {
  T* data = nullptr;
  int64_t shape[N] = {};

  int64_t size() const {
    int64_t product = 1;
    for (int i = 0; i < N; ++i) product *= shape[i];
    return product;
  }
  T& operator[](int64_t i) const { return data[i]; }
  T* begin() const { return data; }
  T* end() const { return data + size(); }
};

template <class T> using Vector = Array<T, 1>;
template <class T> using Matrix = Array<T, 2>;
using Table = Array<const float, 2, false>;  // read as loose_float

// Whether a buffer's elements are T's: kind and size, in this machine's byte order.
template <class T>
bool same_type(const Py_buffer& buffer) {
  using U = std::remove_const_t<T>;
  const char* format = buffer.format == nullptr ? "B" : buffer.format;
  if (*format == '@' || *format == '=') ++format;
  if (format[0] == 0 || format[1] != 0 || buffer.itemsize != static_cast<Py_ssize_t>(sizeof(U))) return false;
  const char* kinds = std::is_same_v<U, bool>          ? "?"
                      : std::is_floating_point_v<U>    ? "fd"
                      : std::is_signed_v<U>            ? "bhilqn"
                                                       : "BHILQN";
  return std::strchr(kinds, format[0]) != nullptr;
}

// A buffer that is kept: what an object made of arrays holds for as long as it lives.
template <class T, int N, bool Aligned = true>
class Held {
 public:
  Held() = default;
  Held(Held&& other) noexcept : view_(other.view_), buffer_(std::move(other.buffer_)) {}
  Held& operator=(Held&& other) noexcept {
    view_ = other.view_;
    buffer_ = std::move(other.buffer_);
    return *this;
  }
  const Array<T, N, Aligned>& operator*() const { return view_; }
  const Array<T, N, Aligned>* operator->() const { return &view_; }

  // False, and no Python error, where the object is no such array.
  bool take(PyObject* object) {
    auto buffer = std::unique_ptr<Py_buffer, Release>(new Py_buffer);
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (std::is_const_v<T> ? 0 : PyBUF_WRITABLE);
    if (PyObject_GetBuffer(object, buffer.get(), flags) != 0) {
      buffer.get_deleter().empty = true;
      PyErr_Clear();
      return false;
    }
    if (buffer->ndim != N || !same_type<T>(*buffer)) return false;
    if (Aligned && reinterpret_cast<uintptr_t>(buffer->buf) % alignof(T) != 0 && buffer->len > 0) return false;
    view_.data = static_cast<T*>(buffer->buf);
    for (int i = 0; i < N; ++i) view_.shape[i] = buffer->shape[i];
    buffer_ = std::move(buffer);
    return true;
  }

 private:
  struct Release {
    bool empty = false;
    void operator()(Py_buffer* buffer) const {
      if (!empty) PyBuffer_Release(buffer);
      delete buffer;
    }
  };
  Array<T, N, Aligned> view_;
  std::unique_ptr<Py_buffer, Release> buffer_;
};

}  // namespace ftcore

namespace nanobind::detail {

template <class T> constexpr auto element_name() {
  using U = std::remove_const_t<T>;
  if constexpr (std::is_same_v<U, bool>) return const_name("bool");
  else if constexpr (std::is_same_v<U, float>) return const_name("float32");
  else if constexpr (std::is_same_v<U, double>) return const_name("float64");
  else if constexpr (std::is_same_v<U, uint8_t>) return const_name("uint8");
  else if constexpr (std::is_same_v<U, int32_t>) return const_name("int32");
  else if constexpr (std::is_same_v<U, uint32_t>) return const_name("uint32");
  else if constexpr (std::is_signed_v<U>) return const_name("int64");
  else return const_name("uint64");
}

template <class T, int N, bool Aligned>
struct type_caster<ftcore::Array<T, N, Aligned>> {
  using Value = ftcore::Array<T, N, Aligned>;
  static constexpr auto Name = const_name("numpy.ndarray[") + element_name<T>() + const_name(", ndim=") +
                               const_name<N>() + const_name<std::is_const_v<T>>("", ", writable") +
                               const_name(", C-contiguous]");
  template <class U> using Cast = Value;
  template <class U> static constexpr bool can_cast() { return true; }

  bool from_python(handle source, uint8_t, cleanup_list*) noexcept { return held.take(source.ptr()); }
  operator Value() const { return *held; }

  ftcore::Held<T, N, Aligned> held;
};

}  // namespace nanobind::detail


namespace ftcore {

// A new numpy array with what a vector holds, which it takes over.
template <class T>
nb::object owned(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

// The same of a buffer.
template <class T>
nb::object owned(Buffer<T>&& values) {
  const size_t size = static_cast<size_t>(values.size());
  values.reserve(1);  // numpy wants an address
  T* data = values.release();
  nb::capsule owner(data, [](void* p) noexcept { std::free(p); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(data, {size}, owner));
}

}  // namespace ftcore
