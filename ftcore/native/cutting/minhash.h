// Near copies of documents: shingles, MinHash bands that bring likely pairs together, and the verdict on a pair.
//
// A document is tokens joined by single spaces. Its shingles are the n-grams of its characters (spaces left out) or of
// its words, each a hash of 32 bits; a shorter document has one shingle, itself. Its signature holds the least value
// that each of many hash functions takes over the shingles: two documents agree in a place with the probability of
// their Jaccard similarity. `rows` places make a band; documents that agree in a whole band are a likely pair.
//
// Sources: A. Broder, "On the resemblance and containment of documents", 1997; J. Leskovec, A. Rajaraman and
// J. Ullman, "Mining of Massive Datasets", chapter 3.4.
#pragma once

#include <cstdint>
#include <vector>

#include "ground/buffer.h"
#include "kernels/minhash.h"

namespace ftcore {

class Shingler {
 public:
  Shingler(int64_t characters, int64_t words) : characters_(characters), words_(words) {}

  // Hashes of a document's shingles, in their order, repeated as they are; none of an empty one.
  // `by_characters`: else by words. The result is kept until the next call.
  const Buffer<uint32_t>& of(const uint8_t* text, int64_t size, bool by_characters);

 private:
  void characters(const uint8_t* text, int64_t size);
  void words(const uint8_t* text, int64_t size);

  int64_t characters_, words_;
  Buffer<uint8_t> packed_;
  Buffer<int64_t> begins_;
  Buffer<uint64_t> hashes_;
  Buffer<uint32_t> out_;
};

class Minhash {
 public:
  Minhash(int64_t bands, int64_t rows);

  // A number for each band of a document, of its shingles: out[band * stride].
  void bands(const Buffer<uint32_t>& shingles, uint32_t* out, int64_t stride);

 private:
  int64_t bands_, rows_;
  std::vector<uint32_t> factors_, terms_, minima_;
};

// What a set of shingles leaves in few bits: each sets one. Sets whose sketches differ in d bits differ in d shingles
// at least, so that most pairs that are not alike are told apart without a look at their shingles.
void sketch(const uint32_t* shingles, int64_t n, uint64_t* out);  // SKETCH numbers

// |a and b| / |a or b| of rising numbers; 0 where both are empty, and at times where it is less than the threshold.
double jaccard(const uint32_t* a, int64_t n, const uint32_t* b, int64_t m, double threshold);

// Shingles of documents in a file: document d has the numbers offsets[d] to offsets[d + 1], rising, and the sketch
// sketches[d * SKETCH].
class ShingleFile {
 public:
  ShingleFile(int descriptor, const int64_t* offsets, const uint64_t* sketches)
      : descriptor_(descriptor), offsets_(offsets), sketches_(sketches) {}

  int64_t size(int64_t document) const { return offsets_[document + 1] - offsets_[document]; }
  // False where two documents are less alike than the threshold by their sizes or sketches alone.
  bool may_be_alike(int64_t a, int64_t b, double threshold) const;
  // False where the file has not as many.
  bool read(int64_t document, Buffer<uint32_t>& out) const;

 private:
  int descriptor_;
  const int64_t* offsets_;
  const uint64_t* sketches_;
};

// Settle likely pairs in the order of their later documents: one goes, for the first of its earlier ones (or of those
// for which these went) that stays and is `threshold` similar. kept[d]: the document for which d goes, -1 while it
// stays; similarity[d]: how alike they are. False where the file cannot be read.
bool settle_pairs(const int64_t* later, const int64_t* earlier, int64_t pairs, const ShingleFile& shingles,
                  double threshold, int64_t* kept, float* similarity);

}  // namespace ftcore
