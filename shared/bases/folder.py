"""Reads a Hugging Face folder: config.json, safetensors with or without an index, tokenizer.json, and what else it may hold.

Data alone are read. Pickles and code are refused by name.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.bases.families import BY_MODEL_TYPE, FAMILIES
from shared.bases.families.base import Family
from shared.bases.found import MOST_TEMPLATE, Found, fit, left_out
from shared.bases.keys import Keys
from shared.bases.manifest import TEMPLATE, TOKENIZER, Special
from shared.bases.refusing import stop
from shared.bases.safetensors_file import read_header
from shared.bases.tensor_source import SourceTensor
from shared.bases.tokenizer_check import MOST_BYTES, checked, plain_json
from shared.errors import Problem

CONFIG, INDEX = "config.json", "model.safetensors.index.json"
_MOST_JSON = 16 * 1024**2
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_GENERATION = ("temperature", "top_k", "top_p", "repetition_penalty", "do_sample", "max_new_tokens")


def read_folder(files: Mapping[str, Path]) -> Found:
    """Check the files of a folder, by name. Raises BaseInvalid with all that is wrong, stage by stage."""
    problems: list[Problem] = []
    values = _object(files, CONFIG, problems)
    family = _family(values, problems) if values is not None else None
    reads_texts = family is None or family.kind != "backbone"
    if reads_texts and TOKENIZER not in files:
        message = (
            "is missing: save the tokenizer there, too (tokenizer.save_pretrained(FOLDER)); tokenizer.model is not read"
        )
        problems.append(Problem(field="", message=message, file=TOKENIZER))
    tensors = _tensors(files, family.buffers if family else (), problems)
    config = _config(family, values, problems) if family and values is not None else None
    stop(problems)
    assert family and config and values is not None
    written = fit(config, family.tensors(config), tensors, family, problems)
    if not reads_texts:
        stop(problems)
        return Found(family, config, written, b"", licence=_licence(files), notes=_notes(files, tensors, family))
    content = _content(files, TOKENIZER, MOST_BYTES, problems)
    tokenizer = checked(content, config.vocabulary, problems) if content else None
    about = _object(files, "tokenizer_config.json", problems) or {}
    generation = _object(files, "generation_config.json", problems) or {}
    template = _template(files, about, problems)
    stop(problems)
    special = _special(tokenizer, about, values, generation)
    return Found(
        family,
        config,
        written,
        content,
        template,
        special,
        {name: generation[name] for name in _GENERATION if isinstance(generation.get(name), int | float)},
        _licence(files),
        _notes(files, tensors, family),
    )


def _notes(files: Mapping[str, Path], tensors: Mapping[str, SourceTensor], family: Family) -> list[str]:
    """What of the folder was not taken."""
    notes = []
    if unread := [name for name in files if name.lower().endswith(_PICKLES)]:
        notes.append(f"{', '.join(sorted(unread)[:5])} was left unread: the same weights are there as safetensors")
    if left := left_out(tensors, family):
        notes.append(f"{', '.join(left)}: left out; of an encoder its blocks are taken, a training makes its own end")
    return notes


def _content(files: Mapping[str, Path], name: str, most: int, problems: list[Problem]) -> bytes:
    """A file's bytes; b"" where it is missing or too large, which is noted."""
    if name not in files:
        return b""
    if files[name].stat().st_size > most:
        problems.append(Problem(field="", message=f"is larger than {most:,} bytes", file=name))
        return b""
    return files[name].read_bytes()


def _object(files: Mapping[str, Path], name: str, problems: list[Problem]) -> dict[str, Any] | None:
    """A JSON object in a file; None where there is none. That config.json is missing is noted."""
    content = _content(files, name, _MOST_JSON, problems)
    if not content:
        if name == CONFIG and not any(p.file == CONFIG for p in problems):
            there = ", ".join(sorted(files)[:10]) or "nothing"
            problems.append(Problem(field="", message=f"is missing or empty; there is {there}", file=name))
        return None
    try:
        found = plain_json(content)
        if not isinstance(found, dict):
            raise ValueError("is no JSON object")
    except ValueError as err:
        problems.append(Problem(field="", message=str(err), file=name))
        return None
    return found


def _family(values: dict[str, Any], problems: list[Problem]) -> Family | None:
    """By model_type, and architectures where they are named."""
    kind, named = values.get("model_type"), values.get("architectures")
    if kind is None and "architecture" in values and "pretrained_cfg" in values:
        kind = "timm"  # its files name the network alone
    family = BY_MODEL_TYPE.get(kind) if isinstance(kind, str) else None
    known = ", ".join(FAMILIES)
    if family is None:
        message = f"{kind!r:.60} is not known; known are {', '.join(BY_MODEL_TYPE)}"
        problems.append(Problem(field="model_type", message=message, file=CONFIG))
    elif named is not None and (not isinstance(named, list) or not set(map(str, named)) <= set(family.architectures)):
        message = f"{named!r:.80} is not known; of {family.title} it is {' or '.join(family.architectures)} ({known})"
        problems.append(Problem(field="architectures", message=message, file=CONFIG))
    return family


def _config(family: Family, values: dict[str, Any], problems: list[Problem]) -> Any:
    keys = Keys(values, CONFIG)
    try:
        config = family.read(keys)
    except ValidationError as err:
        for error in err.errors():
            field = ".".join(str(part) for part in error["loc"])
            message = error["msg"].removeprefix("Value error, ")
            problems.append(Problem(field=field, message=message, file=CONFIG))
        config = None
    keys.unknown()
    problems += keys.problems
    return config


def _tensors(files: Mapping[str, Path], buffers: tuple[str, ...], problems: list[Problem]) -> dict[str, SourceTensor]:
    """All tensors of all safetensors files, each once, as the index has them where there is one."""
    names = sorted(name for name in files if name.endswith(".safetensors"))
    if not names and INDEX not in files:
        pickled = [name for name in files if name.lower().endswith(_PICKLES)]
        if pickled:
            message = (
                "is a pickle, which can run any code: it is never opened. Save the model as safetensors "
                "(model.save_pretrained(FOLDER, safe_serialization=True))"
            )
            problems += [Problem(field="", message=message, file=name) for name in sorted(pickled)]
        else:
            problems.append(Problem(field="", message="there are no weights: a .safetensors file is needed"))
        return {}
    where = _index(files, problems) if INDEX in files else None
    found: dict[str, SourceTensor] = {}
    for name in names if where is None else sorted(set(where.values())):
        if name not in files:
            problems.append(Problem(field="", message=f"is missing, but {INDEX} names it", file=name))
            continue
        for tensor in read_header(files[name], problems, buffers).values():
            tensor = SourceTensor(tensor.name, name, tensor.dtype, tensor.shape, tensor.pieces)
            if tensor.name in found:
                message = f"is in {found[tensor.name].file}, too: each tensor may be there once"
                problems.append(Problem(field=tensor.name, message=message, file=name))
            elif where is not None and where.get(tensor.name) != name:
                said = where.get(tensor.name, "nowhere")
                message = f"is here, but by {INDEX} it is {said:.100}"
                problems.append(Problem(field=tensor.name, message=message, file=name))
            found[tensor.name] = tensor
    return found


def _index(files: Mapping[str, Path], problems: list[Problem]) -> dict[str, str]:
    """Tensor -> file, as the index says. Files outside of the folder are noted, and left out."""
    found = (_object(files, INDEX, problems) or {}).get("weight_map")
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        problems.append(Problem(field="weight_map", message="must be an object of tensors and their files", file=INDEX))
        return {}
    outside = {name for name in found.values() if "/" in name or "\\" in name or not name.endswith(".safetensors")}
    for name in sorted(outside)[:10]:
        message = f"names {name!r:.100}, which is no .safetensors file of this folder: it is not read"
        problems.append(Problem(field="weight_map", message=message, file=INDEX))
    return {tensor: name for tensor, name in found.items() if name not in outside}


def _template(files: Mapping[str, Path], about: dict[str, Any], problems: list[Problem]) -> str:
    """The chat template: a file of its own, else what tokenizer_config.json has ("default" where it has several)."""
    if TEMPLATE in files:
        content = _content(files, TEMPLATE, MOST_TEMPLATE, problems)
        try:
            return content.decode()
        except UnicodeDecodeError:
            problems.append(Problem(field="", message="is no text in UTF-8", file=TEMPLATE))
            return ""
    given = about.get("chat_template")
    if isinstance(given, list):
        named = {each.get("name"): each.get("template") for each in given if isinstance(each, dict)}
        given = named.get("default")
    if isinstance(given, str) and len(given) > MOST_TEMPLATE:
        message = f"is longer than {MOST_TEMPLATE:,} characters"
        problems.append(Problem(field="chat_template", message=message, file="tokenizer_config.json"))
    return given if isinstance(given, str) else ""


def _special(tokenizer: Any, about: dict[str, Any], values: dict[str, Any], generation: dict[str, Any]) -> Special:
    """Special tokens by name from tokenizer_config.json, ends of a text from generation_config.json or config.json."""

    def text(name: str) -> str:
        token = about.get(f"{name}_token")
        token = token.get("content") if isinstance(token, dict) else token
        return token if isinstance(token, str) else ""

    ends = generation.get("eos_token_id", values.get("eos_token_id"))
    ends = ends if isinstance(ends, list) else [ends]
    ends = [end for end in ends if type(end) is int and 0 <= end < tokenizer.get_vocab_size()]
    eos = text("eos")
    if eos and (number := tokenizer.token_to_id(eos)) is not None and number not in ends:
        ends.append(number)
    if not eos and ends:
        eos = tokenizer.id_to_token(ends[0]) or ""
    return Special(bos=text("bos"), eos=eos, pad=text("pad"), ends=ends)


def _licence(files: Mapping[str, Path]) -> str:
    """As the model card's head says, else the first line of a licence file."""
    if match := re.search(r"^license(?:_name)?:\s*[\"']?([\w.+-]+)", _head(files, "README.md"), re.MULTILINE):
        return match[1]
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md"):
        if line := next((line.strip() for line in _head(files, name).splitlines() if line.strip()), ""):
            return line[:80]
    return ""


def _head(files: Mapping[str, Path], name: str) -> str:
    """How a text begins, "" where there is none."""
    if name not in files:
        return ""
    with files[name].open("rb") as file:
        return file.read(20_000).decode("utf-8", "replace")
