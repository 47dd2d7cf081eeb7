"""A folder of open weights that cannot be used is refused by name, with everything that is wrong, and leaves nothing behind."""

import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shared.bases.importer import ImportedBase, import_base
from shared.bases.manifest import list_bases
from shared.bases.receiving import import_laid, list_laid
from shared.errors import BaseInvalid, NotFound, TooLarge, VolumeFull
from shared.volume.volume import Volume
from tests.support.tiny_bases import files_of


class Folder:
    """A copy of a good folder, to be spoilt."""

    def __init__(self, root: Path, name: str = "llama"):
        self.path = root / "model"
        self.path.mkdir()
        for file in files_of(name).values():
            shutil.copy(file, self.path / file.name)
        self.volume = Volume(root / "volume")
        self.weights = self.path / "model.safetensors"

    def imported(self) -> ImportedBase:
        files = {file.name: file for file in self.path.iterdir()}
        return import_base(self.volume, files, name="tiny", source="a test")

    def refused(self, match: str | None = None) -> BaseInvalid:
        with pytest.raises(BaseInvalid, match=match) as caught:
            self.imported()
        assert list((self.volume.root / "bases").iterdir()) == []
        return caught.value

    def config(self, **changes: Any) -> None:
        """Change keys of config.json; None takes one away."""
        values = json.loads((self.path / "config.json").read_text()) | changes
        kept = {key: value for key, value in values.items() if value is not None or key not in changes}
        (self.path / "config.json").write_text(json.dumps(kept))

    def tensors(self, change: Any) -> None:
        tensors = load_file(self.weights)
        change(tensors)
        save_file(tensors, self.weights)

    def header(self, change: Any) -> None:
        """Change the header of the weights, and nothing else."""
        content = self.weights.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        change(header)
        head = json.dumps(header).encode()
        self.weights.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + length :])

    def indexed(self, also: dict[str, str] | None = None) -> None:
        """Give the weights an index. also: entries in place of the right ones."""
        found = dict.fromkeys(load_file(self.weights), "model.safetensors")
        text = json.dumps({"weight_map": found | (also or {})})
        (self.path / "model.safetensors.index.json").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_what_is_whole_is_taken_once(folder: Folder) -> None:
    first, again = folder.imported(), folder.imported()
    assert (first.new, again.new, first.id) == (True, False, again.id)
    folder.indexed()
    assert folder.imported().id == first.id  # an index changes nothing
    assert [base.id for base in list_bases(folder.volume)] == [first.id]
    assert first.special.ends == [2] and first.special.bos == "<|endoftext|>" and first.has_template


@pytest.mark.parametrize("keep", [0, 7, 300, 20_000, -1])
def test_weights_that_were_cut_off(folder: Folder, keep: int) -> None:
    folder.weights.write_bytes(folder.weights.read_bytes()[:keep])
    assert folder.refused("cut off").problems[0].file == "model.safetensors"


def test_a_header_of_two_gigabytes_is_not_read(folder: Folder) -> None:
    with folder.weights.open("r+b") as file:
        file.write(struct.pack("<Q", 2**31))
    folder.refused("cut off.*2,147,483,648 bytes")
    with folder.weights.open("r+b") as file:
        file.truncate(2**31 + 100)  # a hole: as long as it says, and empty
    folder.refused("header of 2,147,483,648 bytes; at most 100,000,000")


def test_a_header_that_is_no_object_of_names_each_once(folder: Folder) -> None:
    for head in (b"[1, 2]", b'{"a": 1, "a": 2}', b"{", b"[" * 100_000, b"\xff\xfe"):
        folder.weights.write_bytes(len(head).to_bytes(8, "little") + head)
        folder.refused("no safetensors file")


def test_tensors_that_overlap(folder: Folder) -> None:
    def change(header: dict[str, Any]) -> None:
        first, second = (header[f"model.layers.{i}.mlp.up_proj.weight"]["data_offsets"] for i in (0, 1))
        second[:] = first

    folder.header(change)
    assert "overlaps the tensor before it" in {problem.message for problem in folder.refused().problems}


@pytest.mark.parametrize("offsets", [[-4, 100], [0, 2**60], [100, 0], ["a", "b"], [0], None])
def test_offsets_that_are_none(folder: Folder, offsets: Any) -> None:
    folder.header(lambda header: header["model.norm.weight"].update(data_offsets=offsets))
    assert "model.norm.weight" in {problem.field for problem in folder.refused().problems}


def test_an_index_that_leads_out_of_the_folder(folder: Folder) -> None:
    (folder.path.parent / "secret.safetensors").write_bytes(folder.weights.read_bytes())
    for outside in ("../secret.safetensors", "/etc/passwd", "a\\b.safetensors", "config.json"):
        folder.indexed({"model.norm.weight": outside})
        folder.refused("no .safetensors file of this folder")


def test_an_index_that_names_what_is_not_there(folder: Folder) -> None:
    folder.indexed({"model.norm.weight": "model-2.safetensors"})
    assert {"model-2.safetensors", "model.safetensors"} <= {problem.file for problem in folder.refused().problems}


def test_a_tensor_in_two_files(folder: Folder) -> None:
    shutil.copy(folder.weights, folder.path / "more.safetensors")
    folder.refused("each tensor may be there once")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(folder: Folder, value: float) -> None:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors["model.layers.1.mlp.up_proj.weight"][-1, -1] = value
        tensors["model.norm.weight"][0] = value

    folder.tensors(change)
    fields = {problem.field for problem in folder.refused("2 problems").problems}
    assert fields == {"model.layers.1.mlp.up_proj.weight", "model.norm.weight"}


def test_nan_in_half_precision_is_seen_too(folder: Folder) -> None:
    def change(tensors: dict[str, np.ndarray]) -> None:
        for name in tensors:
            tensors[name] = tensors[name].astype(np.float16)

    folder.tensors(change)
    assert folder.imported().dtype == "F16"
    folder.tensors(lambda tensors: tensors["model.norm.weight"].__setitem__(3, np.nan))
    with pytest.raises(BaseInvalid, match="NaN"):
        folder.imported()


def test_a_config_that_contradicts_the_tensors_names_each(folder: Folder) -> None:
    folder.config(intermediate_size=64, num_hidden_layers=4)
    problems = folder.refused().problems
    said = {problem.field: problem.message for problem in problems}
    assert said["model.layers.0.mlp.up_proj.weight"] == "has the shape [48, 32]; by the config it is [64, 32]"
    assert "is missing" in said["model.layers.3.self_attn.q_proj.weight"]


def test_a_tensor_that_belongs_nowhere(folder: Folder) -> None:
    folder.tensors(lambda tensors: tensors.update({"model.layers.0.adapter.weight": np.zeros((2, 2), np.float32)}))
    folder.refused("adapter.weight has no place in a Llama of this config")


def test_a_last_matrix_beside_a_tied_embedding_must_be_its_equal(folder: Folder) -> None:
    def tie(tensors: dict[str, np.ndarray]) -> None:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()

    folder.tensors(tie)
    assert "head.kernel" not in folder.imported().config.tensors()
    folder.tensors(lambda tensors: tensors["lm_head.weight"].__setitem__((0, 0), 9))
    with pytest.raises(BaseInvalid, match="differs from the embedding"):
        folder.imported()


def test_a_folder_without_tokenizer(folder: Folder) -> None:
    (folder.path / "tokenizer.json").unlink()
    folder.refused("tokenizer.json is missing.*save_pretrained")


def test_a_tokenizer_that_cannot_be_read_or_does_not_fit(folder: Folder) -> None:
    tokenizer = folder.path / "tokenizer.json"
    whole = json.loads(tokenizer.read_text())
    tokenizer.write_text("{}")
    folder.refused("tokenizer.json cannot be read")
    whole["model"]["vocab"]["beyond"] = 5_000
    tokenizer.write_text(json.dumps(whole))
    folder.refused("1 tokens beyond the 320 rows of the embedding, such as 'beyond'")


def test_no_config(folder: Folder) -> None:
    (folder.path / "config.json").write_text("{")
    folder.refused("config.json is no JSON")
    (folder.path / "config.json").unlink()
    folder.refused("config.json is missing or empty; there is ")


def test_an_unknown_family_and_an_unknown_key_are_named(folder: Folder) -> None:
    folder.config(model_type="mamba", architectures=None)
    folder.refused("model_type 'mamba' is not known; known are gpt2, llama")
    folder.config(model_type="llama", architectures=["LlamaForSequenceClassification"])
    folder.refused("LlamaForSequenceClassification")
    folder.config(
        architectures=["LlamaForCausalLM"], clever_trick=3, hidden_act="relu6", rope_scaling={"rope_type": "yarn"}
    )
    folder.config(rope_parameters=None)
    fields = {problem.field for problem in folder.refused("3 problems").problems}
    assert fields == {"clever_trick", "hidden_act", "rope_scaling.rope_type"}


def test_remote_code_and_packed_weights_are_refused_with_what_to_do(folder: Folder) -> None:
    folder.config(auto_map={"AutoModelForCausalLM": "modeling_evil.Evil"}, quantization_config={"quant_method": "gptq"})
    said = {problem.field: problem.message for problem in folder.refused().problems}
    assert "never done here" in said["auto_map"] and "original weights" in said["quantization_config"]


def test_pickles_are_refused_by_name_and_left_unread_beside_safetensors(folder: Folder) -> None:
    (folder.path / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    assert folder.imported().notes == ["pytorch_model.bin was left unread: the same weights are there as safetensors"]
    folder.weights.unlink()
    with pytest.raises(BaseInvalid, match=r"pytorch_model\.bin is a pickle.*safe_serialization"):
        folder.imported()


def test_an_encoder_as_older_files_have_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "bert")
    first = folder.imported()

    def older(tensors: dict[str, np.ndarray]) -> None:
        for name in [name for name in tensors if "LayerNorm" in name]:
            renamed = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            tensors[renamed] = tensors.pop(name)
        tensors["bert.embeddings.position_ids"] = np.arange(64)[None]

    folder.tensors(older)
    assert folder.imported().id == first.id


def test_an_encoder_that_contradicts_itself_names_each_tensor(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "bert")
    folder.config(intermediate_size=64, num_attention_heads=5)
    folder.refused("5 heads cannot share a width of 32")
    folder.config(num_attention_heads=4)

    def spoil(tensors: dict[str, np.ndarray]) -> None:
        tensors["bert.encoder.layer.0.crossattention.self.query.weight"] = np.zeros((2, 2), np.float32)
        tensors["bert.embeddings.count"] = np.arange(4)

    folder.tensors(spoil)
    folder.refused(r"bert.embeddings.count is of type I64")
    folder.tensors(lambda tensors: tensors.pop("bert.embeddings.count"))
    said = {problem.field: problem.message for problem in folder.refused().problems}
    assert said["bert.encoder.layer.1.output.dense.weight"] == "has the shape [32, 48]; by the config it is [32, 64]"
    assert "no place in a BERT" in said["bert.encoder.layer.0.crossattention.self.query.weight"]


def test_sizes_that_cannot_be(folder: Folder) -> None:
    for key, value in (
        ("hidden_size", 0),
        ("num_attention_heads", "four"),
        ("vocab_size", 10**12),
        ("num_hidden_layers", True),
    ):
        spoilt = json.loads((folder.path / "config.json").read_text())
        folder.config(**{key: value})
        assert key in {problem.field for problem in folder.refused().problems}
        folder.config(**{key: spoilt[key]})
    folder.config(num_key_value_heads=3)
    folder.refused("4 heads cannot share 3")


def test_what_is_laid_into_the_folder_imports_is_taken_and_nothing_beside_it(folder: Folder) -> None:
    folder.volume.ensure()
    laid = folder.volume.root / "imports" / "tiny"
    shutil.copytree(folder.path, laid)
    (laid / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    assert list_laid(folder.volume) == ["tiny"]
    base = import_laid(folder.volume, "tiny", name="", owner="local", most_kept=10**9)
    assert (base.name, base.source, base.licence) == ("tiny", "imports/tiny", "apache-2.0")
    (folder.volume.root / "imports" / "out").symlink_to(folder.path)
    for path in ("", ".", "..", "../bases", "/etc", "out", "none", "nul\0", "\udc80", "long" * 100, "a/" * 3000):
        with pytest.raises(NotFound, match="there is no"):
            import_laid(folder.volume, path, name="", owner="local", most_kept=10**9)


def test_links_in_a_laid_folder_that_lead_out_of_it_are_not_followed(folder: Folder) -> None:
    folder.volume.ensure()
    laid = folder.volume.root / "imports" / "tiny"
    shutil.copytree(folder.path, laid)
    (laid / "tokenizer.json").unlink()
    (laid / "tokenizer.json").symlink_to(folder.path / "tokenizer.json")
    with pytest.raises(BaseInvalid, match="is missing: save the tokenizer"):
        import_laid(folder.volume, "tiny", name="", owner="local", most_kept=10**9)


def test_an_owner_who_may_keep_no_more_is_refused_before_anything_is_written(folder: Folder) -> None:
    base = folder.imported()
    files = {file.name: file for file in folder.path.iterdir()}
    with pytest.raises(TooLarge, match="datasets and base models hold"):
        import_base(folder.volume, files_of("qwen2"), name="tiny", source="a test", most_kept=base.bytes + 1_000)
    other = import_base(folder.volume, files, name="tiny", source="a test", owner="bob", most_kept=base.bytes)
    assert other.new and other.id != base.id


def test_a_disk_that_fills_during_the_import(folder: Folder) -> None:
    def look(done: int, of: int) -> None:
        if done > 50_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = {file.name: file for file in folder.path.iterdir()}
    with pytest.raises(VolumeFull, match="full"):
        import_base(folder.volume, files, name="tiny", source="a test", look=look)
    assert list((folder.volume.root / "bases").iterdir()) == []
    assert folder.imported().new  # there is room again


_KILLED = """
import os, signal, sys
from pathlib import Path
from shared.bases.importer import import_base
from shared.volume.volume import Volume

def look(done, of):
    if done > 50_000:
        os.kill(os.getpid(), signal.SIGKILL)

files = {path.name: path for path in Path(sys.argv[1]).iterdir()}
import_base(Volume(sys.argv[2]), files, name="tiny", source="a test", look=look)
"""


@pytest.mark.makes_staging
def test_an_import_that_is_killed_leaves_no_base_and_its_staging_is_swept(folder: Folder) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder.path), str(folder.volume.root)], cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == -signal.SIGKILL
    assert list_bases(folder.volume) == []
    left = list((folder.volume.root / "bases").iterdir())
    assert len(left) == 1 and left[0].name.startswith(".tmp-")
    assert folder.volume.sweep(older_than_s=-60) == 1
    assert folder.imported().new
