// The module `ftcore._native`: each room's functions, and what the module says of itself.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "binding/binding.h"
#include "processor.h"

namespace nb = nanobind;

NB_MODULE(_native, m) {
  using namespace ftcore;
  nb::set_leak_warnings(false);  // a process may end without freeing what it holds: flows skip Python's last collection
  m.doc() = "ftcore's native core; ftcore.native is its front";
  m.attr("SOURCES") = FTCORE_SOURCES;
  m.attr("PROCESSOR") = variant().name;
  nb::list known;
  for (const Variant& one : variants()) known.append(nb::make_tuple(one.name, one.supported));
  m.attr("PROCESSORS") = nb::tuple(known);
  bind_choice(m);
  bind_clean(m);
  bind_formats(m);
  bind_lexicon(m);
  bind_machines(m);
  bind_means(m);
  bind_measures(m);
  bind_minhash(m);
  bind_pretrain(m);
  bind_quantize(m);
  bind_predictor(m);
  bind_named(m);
  bind_rows(m);
  bind_supervised(m);
  bind_tokens(m);
  bind_word_vectors(m);
  bind_vocabulary(m);
  bind_words(m);
  bind_counts(m);
}
