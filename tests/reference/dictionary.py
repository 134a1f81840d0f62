"""fastText's dictionary, slow and obvious: one token at a time, as ``src/dictionary.cc`` reads."""

from __future__ import annotations

SEPARATORS = b" \n\r\t\v\f\0"


def fnv(data: bytes) -> int:
    h = 2166136261
    for byte in data:
        signed = byte - 256 if byte > 127 else byte
        h = (h ^ (signed % 2**32)) * 16777619 % 2**32
    return h


def characters(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    for i in range(len(data)):
        byte = data[i : i + 1]
        if byte[0] & 0b1100_0000 == 0b1000_0000 and found:
            found[-1] += byte
        else:
            found.append(byte)
    return found


def ngrams(word: bytes, minn: int, maxn: int) -> list[bytes]:
    if word == b"</s>":
        return []
    marked = characters(b"<" + word + b">")
    return [
        b"".join(marked[i : i + n])
        for i in range(len(marked))
        for n in range(max(minn, 1), maxn + 1)
        if i + n <= len(marked) and not (n == 1 and i in (0, len(marked) - 1))
    ]


def tokens(line: bytes) -> list[bytes]:
    found = [b""]
    for i in range(len(line)):
        if line[i : i + 1] in [SEPARATORS[k : k + 1] for k in range(7)]:
            found.append(b"")
        else:
            found[-1] += line[i : i + 1]
    return [token for token in found if token]


def read_words(data: bytes) -> list[bytes]:
    """What ``readWord`` gives until the end of a file: words, and an end of line for each newline."""
    found, word = [], b""
    for i in range(len(data)):
        byte = data[i : i + 1]
        if byte in [SEPARATORS[k : k + 1] for k in range(7)]:
            if word:
                found.append(word)
            word = b""
            if byte == b"\n":
                found.append(b"</s>")
        else:
            word += byte
    return [*found, word] if word else found


def read_vocabulary(data: bytes, label: bytes, min_count: int, min_label: int, limit: int) -> list[tuple]:
    """(word, is it a label, count) in the dictionary's order, as ``readFromFile`` leaves them."""
    stream = [w.decode("latin-1") if w.startswith(label) else w for w in read_words(data)]
    entries = build(stream, min_count, min_label, limit)  # labels are str there
    return [(w.encode("latin-1"), True, c) if isinstance(w, str) else (w, False, c) for w, c in entries]


def supervised_lines(data: bytes, words: list[bytes], labels: list[bytes], label: bytes, o) -> list[tuple]:
    """(features in the numbering nwords + bucket, label ids) of each line that ``getLine`` reads."""
    found, pending = [], read_words(data)
    while pending:
        features_, targets, hashes = [], [], []
        while pending:
            token = pending.pop(0)
            if token in labels:
                targets.append(labels.index(token))
            elif token in words or not token.startswith(label):
                if token in words:
                    features_.append(words.index(token))
                features_ += [len(words) + fnv(g) % o.bucket for g in ngrams(token, o.minn, o.maxn)]
                hashes.append(fnv(token))
            if token == b"</s>":
                break
        grams = word_ngrams(hashes, o.word_ngrams, o.bucket)
        found.append((features_ + [len(words) + b for b in grams], targets))
    return found


def unsupervised_lines(data: bytes, words: list[bytes], labels: list[bytes]) -> list[list[int]]:
    """Word ids of each line that ``getLine`` reads, nothing discarded; lines without words left out."""
    found, pending = [], read_words(data)
    while pending:
        line, ntokens = [], 0
        while pending:
            token = pending.pop(0)
            if token not in words and token not in labels:
                continue
            ntokens += 1
            if token in words:
                line.append(words.index(token))
            if ntokens > 1024 or token == b"</s>":
                break
        found.append(line)
    return [line for line in found if line]


def word_ngrams(hashes: list[int], n: int, bucket: int) -> list[int]:
    found = []
    for first in range(len(hashes)):
        for length in range(2, n + 1):
            part = hashes[first : first + length]
            if len(part) == length:
                h = 0
                for x in part:
                    x = x - 2**32 if x >= 2**31 else x
                    h = (h * 116049371 + x) % 2**64
                found.append(h % bucket)
    return found


def features(line: bytes, index: dict[bytes, int], minn: int, maxn: int, n: int, bucket: int) -> list[int]:
    """Supervised features of a line, in the numbering nwords + bucket."""
    found, hashes = [], []
    for token in [*tokens(line), b"</s>"]:
        if token in index:
            found.append(index[token])
        found += [len(index) + fnv(g) % bucket for g in ngrams(token, minn, maxn)]
        hashes.append(fnv(token))
        if token == b"</s>":
            break
    return found + [len(index) + b for b in word_ngrams(hashes, n, bucket or 1)]


def lines(stream: list[int], eos: int) -> list[list[int]]:
    """Lines of pretraining from a stream of word ids, -1 out of the vocabulary."""
    found: list[list[int]] = [[]]
    for token in stream:
        if token < 0:
            continue
        found[-1].append(token)
        if len(found[-1]) > 1024 or token == eos:
            found.append([])
    return [line for line in found if line]


def std_sort(items: list, less) -> list:
    """libstdc++ std::sort on a list, with recursion as in stl_algo.h."""
    a = list(items)

    def insertion(first: int, last: int) -> None:
        for i in range(first + 1, last):
            value = a[i]
            if less(value, a[first]):
                a[first + 1 : i + 1] = a[first:i]
                a[first] = value
            else:
                unguarded(i)

    def unguarded(i: int) -> None:
        value = a[i]
        while less(value, a[i - 1]):
            a[i] = a[i - 1]
            i -= 1
        a[i] = value

    def partition(first: int, last: int) -> int:
        x, y, z = first + 1, first + (last - first) // 2, last - 1
        # the middle one of three, with the original's choice between equals
        if less(a[x], a[y]):
            m = y if less(a[y], a[z]) else z if less(a[x], a[z]) else x
        else:
            m = x if less(a[x], a[z]) else z if less(a[y], a[z]) else y
        a[first], a[m] = a[m], a[first]
        i, j = first + 1, last
        while True:
            while less(a[i], a[first]):
                i += 1
            j -= 1
            while less(a[first], a[j]):
                j -= 1
            if i >= j:
                return i
            a[i], a[j] = a[j], a[i]
            i += 1

    def loop(first: int, last: int, depth: int) -> None:
        while last - first > 16:
            if depth == 0:
                a[first:last] = heap_sort(a[first:last], less)
                return
            depth -= 1
            cut = partition(first, last)
            loop(cut, last, depth)
            last = cut

    if a:
        loop(0, len(a), 2 * (len(a).bit_length() - 1))
        insertion(0, min(16, len(a)))
        for i in range(16, len(a)):
            unguarded(i)
    return a


def heap_sort(a: list, less) -> list:
    """libstdc++ make_heap and sort_heap."""

    def adjust(hole: int, size: int, value) -> None:
        top = hole
        while 2 * hole + 2 < size:
            child = 2 * hole + 2
            if less(a[child], a[child - 1]):
                child -= 1
            a[hole] = a[child]
            hole = child
        if 2 * hole + 2 == size:
            a[hole] = a[size - 1]
            hole = size - 1
        while hole > top and less(a[(hole - 1) // 2], value):
            a[hole] = a[(hole - 1) // 2]
            hole = (hole - 1) // 2
        a[hole] = value

    for parent in range((len(a) - 2) // 2, -1, -1):
        adjust(parent, len(a), a[parent])
    for last in range(len(a) - 1, 0, -1):
        value, a[last] = a[last], a[0]
        adjust(0, last, value)
    return a


def build(stream: list[bytes | str], min_count: int, min_label: int, limit: int) -> list[tuple]:
    """(word or label, count) in the dictionary's order; labels are str, words bytes."""
    entries: dict = {}
    threshold = 1
    for token in stream:
        entries[token] = entries.get(token, 0) + 1
        if len(entries) > limit:
            threshold += 1
            entries = dict(_threshold(entries, threshold, threshold))
    return _threshold(entries, min_count, min_label)


def _threshold(entries: dict, t: int, tl: int) -> list[tuple]:
    def less(a: tuple, b: tuple) -> bool:
        kind_a, kind_b = isinstance(a[0], str), isinstance(b[0], str)
        return kind_a < kind_b if kind_a != kind_b else a[1] > b[1]

    return [e for e in std_sort(list(entries.items()), less) if e[1] >= (tl if isinstance(e[0], str) else t)]
