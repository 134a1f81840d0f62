"""What a classifier of the pipeline starts from: the vectors of the run's own pretraining or of a file, and the files of words and rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.base.files import sha256_file
from ftcore.config import Config
from ftcore.errors import UserError
from tasks.earlier import earlier_files, earlier_model
from tasks.reuse import StageOutput

if TYPE_CHECKING:
    from ftcore.training.start import Start


def start_of(config: Config, pretrained: StageOutput | None) -> Start:
    """`finetune.pretrained_vectors`, else what the run has pretrained, else nothing."""
    from ftcore.formats.directory import read_directory
    from ftcore.training.start import Fresh, FromModel, FromScores, start_at

    if config.finetune.earlier:
        model = earlier_model(config)
        return FromScores(model) if config.finetune.head == "linear" else FromModel(model, "ahead")
    if config.finetune.adapter:
        from ftcore.formats.shared import open_shared
        from ftcore.training.adapter import OnSharedTable

        given = config.finetune.pretrained_vectors
        assert given or pretrained is not None, "the configuration was checked"
        return OnSharedTable(open_shared(given or pretrained.file("model")))
    if config.finetune.pretrained_vectors:
        return start_at(config.finetune.pretrained_vectors)
    return Fresh() if pretrained is None else FromModel(read_directory(pretrained.file("model")))


def check_given_files(config: Config) -> None:
    """Refuse vectors, words and rules that are not there.

    Raises:
        UserError: it names the option and the path.
    """
    for option, given in (
        ("finetune.lexicon", config.finetune.lexicon),
        ("rules.patterns", config.rules.patterns),
    ):
        if isinstance(given, str) and given and not Path(given).is_file():
            raise UserError(f"{option}: there is no file {given}; correct the path")
    vectors = config.finetune.pretrained_vectors
    if vectors and not Path(vectors).exists():
        raise UserError(
            f"finetune.pretrained_vectors: there is no file or folder {vectors}; correct the path"
        )


def given_files(config: Config) -> dict[str, str]:
    """Digests of the files that `finetune.pretrained_vectors`, `finetune.lexicon` and `rules.patterns` name.

    Raises:
        UserError: there is no such file.
    """
    check_given_files(config)
    found = earlier_files(config)
    for name, given in (("lexicon", config.finetune.lexicon), ("rules", config.rules.patterns)):
        if isinstance(given, str) and given:
            found[name] = sha256_file(Path(given))
    if not config.finetune.pretrained_vectors:
        return found
    path = Path(config.finetune.pretrained_vectors)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    kinds = (".safetensors", ".json", ".npy") if path.is_dir() else ("",)
    return found | {f"vectors:{p.relative_to(path)}": sha256_file(p) for p in files if p.name.endswith(kinds)}
