// What the bind_*.cc files add to the module. They convert and check arguments, and do nothing else.
#pragma once

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace ftcore {

void bind_choice(nb::module_& m);
void bind_clean(nb::module_& m);
void bind_formats(nb::module_& m);
void bind_lexicon(nb::module_& m);
void bind_machines(nb::module_& m);
void bind_means(nb::module_& m);
void bind_measures(nb::module_& m);
void bind_minhash(nb::module_& m);
void bind_named(nb::module_& m);
void bind_predictor(nb::module_& m);
void bind_pretrain(nb::module_& m);
void bind_quantize(nb::module_& m);
void bind_rows(nb::module_& m);
void bind_supervised(nb::module_& m);
void bind_tokens(nb::module_& m);
void bind_word_vectors(nb::module_& m);
void bind_vocabulary(nb::module_& m);
void bind_words(nb::module_& m);
void bind_counts(nb::module_& m);

}  // namespace ftcore
