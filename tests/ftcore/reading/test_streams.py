import io

import xxhash
from hypothesis import given
from hypothesis import strategies as st

from ftcore.reading import streams
from ftcore.reading.streams import DigestingFile, LineReader


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, so that borders of blocks fall everywhere."""

    def read(self, size=-1):
        return super().read(3)


@given(
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\x00", b"\n").replace(b"\x01", b"\r\n")),
    st.integers(1, 8),
)
def test_lines_are_those_of_split(raw, limit):
    for stream in (Trickle(raw), io.BytesIO(raw)):
        expected = raw.split(b"\n")
        if not expected[-1]:
            expected.pop()
        expected = [line[:-1] if line.endswith(b"\r") else line for line in expected]
        lines = LineReader(stream, limit)
        found = [(lines.number, line, long) for line, long in lines]
        assert [number for number, _, _ in found] == list(range(1, len(expected) + 1))
        assert [long for _, _, long in found] == [len(line) > limit for line in expected]
        assert all(line == whole for (_, line, long), whole in zip(found, expected, strict=True) if not long)
        assert all(len(line) <= limit + 1 for _, line, _ in found)


@given(st.binary(max_size=50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 60))
def test_the_digest_is_of_the_whole_range_however_little_was_read(raw, a, b, read):
    start, stop = sorted((min(a, len(raw)), min(b, len(raw))))
    for end, wanted in ((stop, raw[start:stop]), (-1, raw[start:])):
        file = DigestingFile(io.BytesIO(raw), start, end)
        assert io.BufferedReader(file).read(read) == wanted[:read]
        assert file.digest() == xxhash.xxh3_128_hexdigest(wanted)


def test_a_disk_error_is_not_taken_for_a_damaged_archive():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

        read1 = read

    try:
        list(LineReader(Failing(), 10))
    except OSError as error:
        assert error.errno == 5
    else:
        raise AssertionError("swallowed")
    assert issubclass(streams.Broken, Exception)
