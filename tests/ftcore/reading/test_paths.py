"""Which files a path means: links, odd names, what is left out."""

import os

import pytest

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files


def listed(path, data=".", **source):
    return list_files(Ingest(sources=[Source(path=str(path), **source)]), str(data))


def relatives(path, data=".", **source):
    return [file.relative for file in listed(path, data, **source)]


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}\n")
    return folder


@pytest.fixture
def linked(tmp_path):
    """A folder with a file, a linked file, a linked folder, a link to the folder above and a broken link."""
    write(tmp_path / "elsewhere", "deep/c.txt", "b.txt")
    corpus = write(tmp_path / "corpus", "a.txt")
    (corpus / "b.txt").symlink_to(tmp_path / "elsewhere" / "b.txt")
    (corpus / "sub").symlink_to(tmp_path / "elsewhere" / "deep")
    (corpus / "loop").symlink_to(corpus)
    (corpus / "gone.txt").symlink_to(tmp_path / "nothing.txt")
    return corpus


@pytest.mark.parametrize("path", ["corpus", "corpus/**/*.txt", "corpus/**", "corp*/**/*.txt"])
def test_links_are_followed_alike(linked, path):
    found = [name.removeprefix("corpus/") for name in relatives(path, linked.parent, format="lines")]
    assert found == ["a.txt", "b.txt", "sub/c.txt"]
    assert relatives(linked / "sub") == ["c.txt"] and relatives(linked / "b.txt") == ["b.txt"]
    assert relatives(linked / "sub" / "*.txt") == ["c.txt"]


def test_what_a_folder_leaves_out_is_counted_and_said(linked, caplog):
    write(linked, "README.md", "x/notes.md", "scan.pdf", "Makefile", "data.zip", ".hidden.md")
    assert relatives(linked) == ["a.txt", "b.txt", "sub/c.txt"]
    for what in ("3 files of", "2 *.md", "1 *.pdf", "1 *.zip", "1 files without a suffix", "1 links to a folder",
                 "1 broken links"):  # fmt: skip
        assert what in caplog.text
    with pytest.raises(UserError, match=r"no file with a known suffix.*there are 1 \*.md"):
        listed(linked / "x")
    caplog.clear()
    assert (
        relatives(linked / "*.txt") == ["a.txt", "b.txt"] and caplog.text == ""
    )  # a pattern says what it means


@pytest.mark.parametrize("name", ["corpus [v1]", "what?", "a*b", "[x]", "!"])
def test_a_path_that_exists_wins_over_a_pattern(tmp_path, name):
    folder = write(tmp_path / name, "a.txt", "b[1].txt", "sub/c.txt")
    assert relatives("*.txt", folder) == ["a.txt", "b[1].txt"]
    assert relatives(f"{name}/**/*.txt", tmp_path) == ["a.txt", "b[1].txt", "sub/c.txt"]
    assert relatives("b[1].txt", folder) == ["b[1].txt"] and relatives(name, tmp_path) == relatives(folder)
    assert relatives(f"{name}/sub/*", tmp_path) == ["c.txt"]
    assert relatives("[ab].txt", folder) == ["a.txt"]
    with pytest.raises(UserError, match="no such file or directory"):
        listed("none.txt", folder)
    with pytest.raises(UserError, match="no file matches"):
        listed("*.dat", folder)


def test_files_without_a_suffix_are_read_where_the_format_is_said(tmp_path):
    write(
        tmp_path, "AA/wiki_00", "AA/wiki_01.bz2", "AB/wiki_00", "_SUCCESS", "news.53068", "page.html", "x.pdf"
    )
    assert relatives(tmp_path, format="wiki") == [
        "AA/wiki_00", "AA/wiki_01.bz2", "AB/wiki_00", "news.53068", "page.html"
    ]  # fmt: skip
    with pytest.raises(UserError, match="no file with a known suffix"):
        listed(tmp_path)
    write(tmp_path, "d.parquet", "e.txt")
    assert relatives(tmp_path, format="parquet") == ["d.parquet"]
    assert "d.parquet" not in relatives(tmp_path, format="lines")


@pytest.mark.parametrize(
    "raw, shown",
    [
        (b"caf\xe9.txt", "caf\\xe9.txt"),
        ("中文".encode("gb18030") + b".txt", "中文.txt"),
        ("é.txt".encode(), "é.txt"),
    ],
)
def test_a_file_name_that_is_no_utf8_is_read_and_shown(tmp_path, raw, shown):
    path = os.fsencode(tmp_path) + b"/" + raw
    with open(path, "wb") as file:
        file.write(b"one line\n")
    (found,) = listed(tmp_path)
    assert found.relative == shown
    (part,) = cut_file(found, ingest := Ingest(sources=[Source(path=str(tmp_path))]))
    ((documents, _),) = read_part(part, ingest)
    assert documents.to_pylist()[0]["source"].endswith(f":{shown}")
    os.remove(path)
    with pytest.raises(UserError) as error:
        list(read_part(part, ingest))
    str(error.value).encode()
