// An array that grows and is not cleared first: results whose size shows while they are made.
//
// Elements behind `size()` hold nothing yet. `reserve` makes room, `push` and `extend` need it made.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace ftcore {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t size) { resize(size); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t room() const { return room_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }

  // Room for so many more, and for twice as many as before where that is not enough.
  void reserve(int64_t more) {
    if (more > room_ - size_) grow(more);
  }
  void push(T value) { data_[size_++] = value; }
  void add(T value) {  // `push` that makes room
    reserve(1);
    push(value);
  }
  T* extend(int64_t more) {  // so many more elements, from the place that is returned on
    T* end = data_ + size_;
    size_ += more;
    return end;
  }
  void resize(int64_t size) {
    if (size > size_) reserve(size - size_);
    size_ = size;
  }
  void clear() { size_ = 0; }

  // The memory, no larger than needed; std::free gives it back.
  T* release() {
    T* data = data_;
    if (size_ < room_)
      if (void* less = std::realloc(static_cast<void*>(data_), bytes(size_))) data = static_cast<T*>(less);
    data_ = nullptr;
    size_ = room_ = 0;
    return data;
  }
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }

 private:
  static size_t bytes(int64_t elements) {
    return elements > 0 ? static_cast<size_t>(elements) * sizeof(T) : 1;  // realloc to 0 is free
  }
  void grow(int64_t more) {
    constexpr int64_t most = INT64_MAX / static_cast<int64_t>(sizeof(T));
    if (more > most - size_) throw std::bad_alloc();
    int64_t room = size_ + more;
    if (room_ <= most / 2 && room < 2 * room_) room = 2 * room_;
    void* grown = std::realloc(static_cast<void*>(data_), bytes(room));
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(grown);
    room_ = room;
  }

  T* data_ = nullptr;
  int64_t size_ = 0, room_ = 0;
};

}  // namespace ftcore
