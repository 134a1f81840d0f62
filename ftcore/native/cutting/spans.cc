#include "cutting/spans.h"

#include <algorithm>

namespace ftcore {

namespace {

// Classes of the patterns, for characters below U+0250; none of them has others.
enum : uint32_t {
  LETTER = 1,    // ASCII
  DIGIT = 2,
  ACCENT = 4,    // Latin letters beyond ASCII
  LATIN = LETTER | ACCENT,
  ALNUM = LATIN | DIGIT,
  IN_URL = 8,    // [!#-;=?-~]
  ENDS_URL = 16, // [A-Za-z0-9/_~=&#%-]
  LOCAL = 32,    // [A-Za-z0-9._%+-], of an e-mail address
  LABEL = 64,    // [A-Za-z0-9-], of a domain
  JOINS = 128,   // ['&_-]
};
constexpr uint32_t TOP = 0x250, QUOTE = 0x2019;  // ’ joins as well

struct Kinds {
  uint8_t of[TOP] = {};
  constexpr Kinds() {
    for (uint32_t c = 0x21; c < TOP; ++c) {
      const bool letter = (c | 32) >= 'a' && (c | 32) <= 'z' && c < 0x80, digit = c >= '0' && c <= '9';
      const bool accent = c >= 0xC0 && c != 0xD7 && c != 0xF7;
      uint32_t kind = (letter ? LETTER : 0u) | (digit ? DIGIT : 0u) | (accent ? ACCENT : 0u);
      const bool plain = letter || digit;
      auto any = [&](const char* of) {
        for (; *of; ++of)
          if (c == static_cast<uint8_t>(*of)) return true;
        return false;
      };
      if (c <= '~' && c != '"' && c != '<' && c != '>') kind |= IN_URL;
      if (plain || any("/_~=&#%-")) kind |= ENDS_URL;
      if (plain || any("._%+-")) kind |= LOCAL;
      if (plain || c == '-') kind |= LABEL;
      if (any("'&_-")) kind |= JOINS;
      of[c] = static_cast<uint8_t>(kind);
    }
  }
};
constexpr Kinds KINDS;

inline bool is(uint32_t c, uint32_t kind) { return c < TOP && (KINDS.of[c] & kind) != 0; }
inline bool joins(uint32_t c) { return is(c, JOINS) || c == QUOTE; }
inline bool percent(uint32_t c) { return c == '%' || c == 0xFF05; }

// Whether a character is this letter (in lower case), as `re` sees it where case does not matter.
inline bool same(uint32_t c, char letter) {
  if (c < 0x80) return (c | 32) == static_cast<uint8_t>(letter);
  switch (letter) {
    case 'i': return c == 0x130 || c == 0x131;
    case 'k': return c == 0x212A;
    case 's': return c == 0x17F;
    default: return false;
  }
}

inline bool flag(uint32_t c) { return c - 0x1F1E6 < 26; }
inline bool skin(uint32_t c) { return c - 0x1F3FB < 5; }

constexpr const char* TOPS[] = {"com", "org", "net", "edu", "gov", "cn", "io", "hk", "tw", "uk",
                                "jp",  "de",  "info", "me", "cc",  "tv", nullptr};
constexpr const char* SCRIPTS[] = {"js", "py", "ai", "net", "io", nullptr};

}  // namespace

int64_t Spans::run(int64_t i, uint32_t kind) const {
  while (i < n_ && is(s_[i], kind)) ++i;
  return i;
}

bool Spans::spells(int64_t i, const char* word) const {
  for (; *word; ++word, ++i)
    if (i >= n_ || (*word >= 'a' ? !same(s_[i], *word) : s_[i] != static_cast<uint8_t>(*word))) return false;
  return true;
}

// The end of the first of the words at i that no character of a kind follows.
int64_t Spans::one_of(int64_t i, const char* const* words, uint32_t behind) const {
  for (; *words; ++words) {
    if (!spells(i, *words)) continue;
    int64_t end = i;
    for (const char* c = *words; *c; ++c) ++end;
    if (!is(at(end), behind)) return end;
  }
  return NONE;
}

// Behind the last character between i and end that may end a URL, or NONE.
int64_t Spans::last(int64_t i, int64_t end) const {
  while (end > i && !is(s_[end - 1], ENDS_URL)) --end;
  return end > i ? end : NONE;
}

// (?i:(?:https?|ftp)://|www\.)[!#-;=?-~]*[A-Za-z0-9/_~=&#%\-]
int64_t Spans::url(int64_t i) const {
  int64_t from;
  if (spells(i, "http")) {
    from = i + 4 + (i + 4 < n_ && same(s_[i + 4], 's'));
  } else if (spells(i, "ftp")) {
    from = i + 3;
  } else if (spells(i, "www.")) {
    return last(i + 4, run(i + 4, IN_URL));
  } else {
    return NONE;
  }
  return spells(from, "://") ? last(from + 3, run(from + 3, IN_URL)) : NONE;
}

// (?<![A._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63})*\.[A-Za-z]{2,24}
int64_t Spans::email(int64_t i) const {
  if (!is(s_[i], LETTER | DIGIT) || (i > 0 && is(s_[i - 1], ALNUM | LOCAL))) return NONE;
  int64_t k = i + 1;
  while (k < n_ && k <= i + 63 && is(s_[k], LOCAL)) ++k;
  if (at(k) != '@') return NONE;
  int64_t found = NONE;
  for (int64_t begin = k + 1;;) {
    const int64_t end = run(begin, LABEL);
    if (begin > k + 1) {  // a label that may be the last one
      int64_t letters = begin;
      while (letters < end && letters < begin + 24 && is(s_[letters], LETTER)) ++letters;
      if (letters >= begin + 2) found = letters;
    }
    if (end == begin || end - begin > 63 || at(end) != '.') return found;
    begin = end + 1;
  }
}

// (?<![A.\-])(?:[A-Za-z0-9\-]{1,63}\.){1,8}(?i:com|…|tv)(?![A\-])(?:/[!#-;=?-~]*[A-Za-z0-9/_~=&#%\-])?
int64_t Spans::domain(int64_t i) const {
  if (!is(s_[i], LABEL) || (i > 0 && (is(s_[i - 1], ALNUM | LABEL) || s_[i - 1] == '.'))) return NONE;
  int64_t found = NONE;
  int64_t begin = i;
  for (int label = 0; label < 8; ++label) {
    int64_t end = begin;
    while (end < n_ && end <= begin + 63 && is(s_[end], LABEL)) ++end;
    if (end == begin || end - begin > 63 || at(end) != '.') break;
    begin = end + 1;
    const int64_t top = one_of(begin, TOPS, ALNUM | LABEL);
    if (top != NONE) found = top;
  }
  if (found == NONE || at(found) != '/') return found;
  const int64_t path = last(found + 1, run(found + 1, IN_URL));
  return path == NONE ? found : path;
}

// [A-Za-z]{1,16}\+\+(?:[0-9]{2}(?![A])|(?![A+]))
int64_t Spans::plus(int64_t i) const {
  int64_t k = i;
  while (k < n_ && k < i + 17 && is(s_[k], LETTER)) ++k;
  if (k == i || k > i + 16 || at(k) != '+' || at(k + 1) != '+') return NONE;
  k += 2;
  if (is(at(k), DIGIT) && is(at(k + 1), DIGIT) && !is(at(k + 2), ALNUM)) return k + 2;
  return is(at(k), ALNUM) || at(k) == '+' ? NONE : k;
}

// (?<![A.])[L][A]{1,30}\.(?i:js|py|ai|net|io)(?![A])
int64_t Spans::script(int64_t i) const {
  if (!is(s_[i], LATIN) || (i > 0 && s_[i - 1] == '.')) return NONE;
  int64_t k = i;
  while (k < n_ && k < i + 32 && is(s_[k], ALNUM)) ++k;
  return k >= i + 2 && k < i + 32 && at(k) == '.' ? one_of(k + 1, SCRIPTS, ALNUM) : NONE;
}

// (?<![A.])(?:[A-Za-z]\.){2,8}(?![A])
int64_t Spans::initials(int64_t i) const {
  if (i > 0 && s_[i - 1] == '.') return NONE;
  int64_t k = i;
  while (k < i + 16 && is(at(k), LETTER) && at(k + 1) == '.') k += 2;
  return k >= i + 4 && !is(at(k), ALNUM) ? k : NONE;
}

// [0-9]{1,4}([-/])[0-9]{1,2}\1[0-9]{1,4}(?![A\-/])
int64_t Spans::date(int64_t i) const {
  auto digits = [&](int64_t from, int64_t most) {  // behind a run of so many, or NONE
    int64_t k = from;
    while (k < n_ && k <= from + most && is(s_[k], DIGIT)) ++k;
    return k == from || k > from + most ? NONE : k;
  };
  const int64_t year = digits(i, 4);
  if (year == NONE || (at(year) != '-' && at(year) != '/')) return NONE;
  const int64_t month = digits(year + 1, 2);
  if (month == NONE || at(month) != s_[year]) return NONE;
  const int64_t day = digits(month + 1, 4);
  return day == NONE || is(at(day), ALNUM) || at(day) == '-' || at(day) == '/' ? NONE : day;
}

// (?<![A:])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![A:])
int64_t Spans::clock(int64_t i) const {
  if (!is(s_[i], DIGIT) || (i > 0 && s_[i - 1] == ':')) return NONE;
  int64_t k = i + 1 + is(at(i + 1), DIGIT);
  auto more = [&] { return at(k) == ':' && is(at(k + 1), DIGIT) && is(at(k + 2), DIGIT); };
  if (!more()) return NONE;
  k += 3;
  if (more()) k += 3;
  return is(at(k), ALNUM) || at(k) == ':' ? NONE : k;
}

// [0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?[%％]?
int64_t Spans::thousands(int64_t i) const {
  int64_t k = i;
  while (k < i + 3 && is(at(k), DIGIT)) ++k;
  int64_t groups = 0;
  while (k > i && at(k) == ',' && is(at(k + 1), DIGIT) && is(at(k + 2), DIGIT) && is(at(k + 3), DIGIT)) k += 4, ++groups;
  if (groups > 0 && is(at(k), DIGIT)) k -= 4, --groups;
  if (groups == 0) return NONE;
  if (at(k) == '.' && is(at(k + 1), DIGIT)) k = run(k + 1, DIGIT);
  return k + percent(at(k));
}

// [0-9]+(?:(?:\.[0-9]+)+[%％]?|[%％])
int64_t Spans::decimal(int64_t i) const {
  int64_t k = run(i, DIGIT);
  if (k == i) return NONE;
  const int64_t whole = k;
  while (at(k) == '.' && is(at(k + 1), DIGIT)) k = run(k + 1, DIGIT);
  return percent(at(k)) ? k + 1 : k > whole ? k : NONE;
}

// [L][A]{0,30}[0-9](?:\.[0-9]+)+(?![A])
int64_t Spans::version(int64_t i) const {
  if (!is(s_[i], LATIN)) return NONE;
  int64_t k = i;
  while (k < n_ && k < i + 33 && is(s_[k], ALNUM)) ++k;
  if (k < i + 2 || k > i + 32 || !is(s_[k - 1], DIGIT)) return NONE;
  int64_t before = NONE, now = NONE;  // ends of the last two groups
  while (at(k) == '.' && is(at(k + 1), DIGIT)) before = now, now = k = run(k + 1, DIGIT);
  return now != NONE && is(at(now), ALNUM) ? before : now;
}

// What no Latin letter or digit stands before; all patterns but one begin so.
int64_t Spans::special(int64_t i) const {
  const uint32_t c = s_[i];
  if (!is(c, ALNUM | LABEL) && c != '.') return NONE;
  if (i > 0 && is(s_[i - 1], ALNUM)) return NONE;
  if (c == '.') {  // (?<![A.])\.(?i:net)(?![A])
    return (i == 0 || s_[i - 1] != '.') && spells(i + 1, "net") && !is(at(i + 4), ALNUM) ? i + 4 : NONE;
  }
  int64_t end;
  if (is(c, LETTER)) {
    if ((end = url(i)) != NONE || (end = email(i)) != NONE || (end = domain(i)) != NONE || (end = plus(i)) != NONE)
      return end;
    if (at(i + 1) == '#' && !is(at(i + 2), ALNUM) && at(i + 2) != '#') return i + 2;  // [A-Za-z]#(?![A#])
    if ((end = script(i)) != NONE || (end = initials(i)) != NONE) return end;
    return version(i);
  }
  if (is(c, DIGIT)) {
    if ((end = email(i)) != NONE || (end = domain(i)) != NONE || (end = date(i)) != NONE || (end = clock(i)) != NONE)
      return end;
    return (end = thousands(i)) != NONE ? end : decimal(i);
  }
  if (c == '-') return domain(i);
  return (end = script(i)) != NONE ? end : version(i);
}

// (?<![A])(?=[0-9'’&_\-]{0,20}[L])[A]+(?:['’&_\-][A]+)+, and with `marks` none of those behind
int64_t Spans::joint(int64_t i, bool marks) const {
  if (!is(s_[i], ALNUM) || (i > 0 && is(s_[i - 1], ALNUM))) return NONE;
  int64_t k = i;
  while (k < n_ && k < i + 20 && (is(s_[k], DIGIT) || joins(s_[k]))) ++k;
  if (!is(at(k), LATIN)) return NONE;
  k = run(i, ALNUM);
  int64_t before = NONE, begin = i;  // where the last word but one ends, where the last one begins
  while (joins(at(k)) && is(at(k + 1), ALNUM)) before = k, begin = k + 1, k = run(begin, ALNUM);
  if (before == NONE || !marks || k == n_ || !letters_.is(s_[k], Letter::MARK)) return before == NONE ? NONE : k;
  if (k > begin + 1) return k - 1;
  int64_t words = 0;  // a step back, as `re` does: behind the word before, if that is joined itself
  for (int64_t j = i; j < before; ++j) words += joins(s_[j]);
  return words > 0 ? before : NONE;
}

// (?<![A])[A-Za-z0-9]*[accented][A]*
int64_t Spans::accented(int64_t i) const {
  if (!is(s_[i], ALNUM) || (i > 0 && is(s_[i - 1], ALNUM))) return NONE;
  const int64_t k = run(i, LETTER | DIGIT);
  return is(at(k), ACCENT) ? run(k, ALNUM) : NONE;
}

// [0-9#*]\ufe0f?\u20e3
int64_t Spans::keycap(int64_t i) const {
  const uint32_t c = at(i);
  if (!is(c, DIGIT) && c != '#' && c != '*') return NONE;
  const int64_t k = i + 1 + (at(i + 1) == 0xFE0F);
  return at(k) == 0x20E3 ? k + 1 : NONE;
}

// A picture with its variation, skin, box and tags, or the two letters of a flag.
int64_t Spans::element(int64_t i) const {
  if (i >= n_) return NONE;
  if (flag(s_[i])) return flag(at(i + 1)) ? i + 2 : NONE;
  if (s_[i] < 0xA9 || !letters_.is(s_[i], Letter::PICTURE)) return NONE;
  int64_t k = i + 1;
  k += at(k) == 0xFE0E || at(k) == 0xFE0F;
  k += skin(at(k));
  k += at(k) == 0x20E3;
  int64_t tags = k;
  while (tags < k + 32 && at(tags) - 0xE0020 < 0x5F) ++tags;
  return tags > k && at(tags) == 0xE007F ? tags + 1 : k;
}

// Source: Unicode UTS #51, see ftcore/text/emoji.py.
int64_t Spans::emoji(int64_t i) const {
  int64_t end = keycap(i);
  if (end != NONE) return end;
  end = element(i);
  if (end == NONE) return flag(at(i)) || skin(at(i)) ? i + 1 : NONE;
  for (int64_t more; at(end) == 0x200D && (more = element(end + 1)) != NONE;) end = more;
  return end;
}

// A letter or digit of any script, or where `narrow`, of those beside Han; not of a keycap, nor ℹ.
bool Spans::letter(int64_t i, bool narrow) const {
  if (i >= n_) return false;
  const uint32_t c = s_[i];
  if (c < 0x80) return is(c, LETTER) || (is(c, DIGIT) && keycap(i) == NONE);
  const uint32_t flags = letters_[c].flags;
  return (flags & Letter::WORD) != 0 && c != 0x2139 && (!narrow || (flags & Letter::OTHER) != 0 || is(c, ALNUM));
}

// letter+(?:[marks\u200c\u200d]+letter+)*[marks]*
int64_t Spans::whole(int64_t i, bool narrow) const {
  if (!letter(i, narrow)) return NONE;
  auto marks = [&](int64_t k, bool joiners) {
    while (k < n_ && (letters_.is(s_[k], Letter::MARK) || (joiners && s_[k] - 0x200C < 2))) ++k;
    return k;
  };
  for (int64_t k = i;;) {
    while (letter(k, narrow)) ++k;
    const int64_t next = marks(k, true);
    if (next == k || !letter(next, narrow)) return marks(k, false);
    k = next;
  }
}

// whole(?:['’&_\-]whole)*
int64_t Spans::word(int64_t i, bool narrow) const {
  int64_t end = whole(i, narrow);
  for (int64_t more; end != NONE && joins(at(end)) && (more = whole(end + 1, narrow)) != NONE;) end = more;
  return end;
}

// (?<![A])(?=[A]*[OTHER]) and a word
int64_t Spans::beside_han(int64_t i) const {
  if (i > 0 && is(s_[i - 1], ALNUM)) return NONE;
  const int64_t k = run(i, ALNUM);
  return k < n_ && letters_.is(s_[k], Letter::OTHER) ? word(i, true) : NONE;
}

int64_t Spans::token(int64_t i) const {
  int64_t end = run(i, LATIN);
  if (end > i) {  // [L]+(?![^\s,;!?\"()])
    const uint32_t c = at(end);
    if (end == n_ || c == ',' || c == ';' || c == '!' || c == '?' || c == '"' || c == '(' || c == ')' ||
        letters_.is(c, Letter::SPACE))
      return end;
  }
  if (wide_ && (end = emoji(i)) != NONE) return end;
  if ((end = special(i)) != NONE || (end = joint(i, wide_)) != NONE) return end;
  if (wide_) return (end = word(i, false)) != NONE ? end : i + 1;
  end = i;
  while (end < n_ && letters_.is(s_[end], Letter::WORD)) ++end;
  return std::max(end, i + 1);
}

bool Spans::find(int64_t i, int64_t& begin, int64_t& end) const {
  for (; i < n_; ++i) {
    const uint32_t c = s_[i];
    if (c >= TOP && (!wide_ || c - 0x4E00 < 0x5200)) continue;  // most of a Chinese text
    if (wide_ && ((end = emoji(i)) != NONE || (end = beside_han(i)) != NONE)) return begin = i, true;
    if ((end = special(i)) != NONE || (end = joint(i, false)) != NONE || (end = accented(i)) != NONE)
      return begin = i, true;
  }
  return false;
}

}  // namespace ftcore
