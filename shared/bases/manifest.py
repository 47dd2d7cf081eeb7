"""What is known of an imported base model, and reading it back from the volume.

bases/<id>/weights.safetensors     every tensor by our own name (tensors() of its config), in the type it came in
bases/<id>/tokenizer.json          of Hugging Face's tokenizers; a backbone has none
bases/<id>/chat_template.jinja     where it came with one
bases/<id>/manifest.json           Base, last
"""

import contextlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from shared.bases.backbone import BackboneConfig
from shared.bases.decoder import DecoderConfig
from shared.bases.encoder import EncoderConfig
from shared.errors import NotFound
from shared.volume.content import StoredFile, is_content_id
from shared.volume.volume import Volume, staging

TOKENIZER, TEMPLATE = "tokenizer.json", "chat_template.jinja"


class Special(BaseModel):
    """Tokens with a meaning. bos, eos, pad: as texts, for a chat template; "" where there is none. ends: numbers after which a text
    is over."""

    bos: str = ""
    eos: str = ""
    pad: str = ""
    ends: list[int] = Field(default_factory=list)


class Base(BaseModel):
    """A base model. Its id depends on the owner and the files alone, so that the same weights are stored once.

    kind: what may be built of it ("decoder": a language model; "encoder": what reads a text into vectors; "backbone": what reads a
    picture into maps of features). family: of
    shared/bases/families. config: what the network is built from. dtype: of most of its numbers, as stored. licence: as the source
    names it, "" where it does not. source: where it came from, for people. special, generation: as its source says; generation
    holds temperature, top_k and so on. notes: what was left out or changed, for the user.
    """

    id: str
    name: str
    kind: Literal["decoder", "encoder", "backbone"] = "decoder"
    family: str
    owner: str = "local"
    created_at: datetime
    bytes: int
    files: list[StoredFile]
    parameters: int
    dtype: str
    config: DecoderConfig | EncoderConfig | BackboneConfig
    licence: str = ""
    source: str = ""
    special: Special = Field(default_factory=Special)
    generation: dict[str, Any] = Field(default_factory=dict)
    has_template: bool = False
    notes: list[str] = Field(default_factory=list)

    @property
    def decoder(self) -> DecoderConfig:
        """Its config, of a language model. Raises TypeError for another kind."""
        if not isinstance(self.config, DecoderConfig):
            raise TypeError(f"{self.name!r:.80} is no language model")
        return self.config

    @property
    def encoder(self) -> EncoderConfig:
        """Its config, of an encoder. Raises TypeError for another kind."""
        if not isinstance(self.config, EncoderConfig):
            raise TypeError(f"{self.name!r:.80} is no encoder")
        return self.config

    @property
    def backbone(self) -> BackboneConfig:
        """Its config, of a backbone for pictures. Raises TypeError for another kind."""
        if not isinstance(self.config, BackboneConfig):
            raise TypeError(f"{self.name!r:.80} is no backbone for pictures")
        return self.config

    def needed_bytes(self, tokens: int = 2048) -> int:
        """What using it in float32 takes: weights, and what is held of a text of so many tokens, or of a picture."""
        most = tokens if isinstance(self.config, BackboneConfig) else min(tokens, self.config.context)
        return 4 * self.parameters + self.config.held_bytes(most)


def get_base(volume: Volume, base_id: str) -> Base:
    """Raises NotFound."""
    found = staging.read_manifest(volume.base_dir(base_id)) if is_content_id(base_id) else None
    if found is None:
        raise NotFound(f"no base model {base_id!r:.60}")
    try:
        return Base.model_validate(found)
    except ValidationError as err:
        raise NotFound(f"the manifest of base model {base_id} is damaged: import it again") from err


def list_bases(volume: Volume) -> list[Base]:
    """All base models, newest first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(volume.root / "bases"):
            with contextlib.suppress(NotFound):
                found.append(get_base(volume, name))
    return sorted(found, key=lambda base: base.created_at, reverse=True)


def delete_base(volume: Volume, base_id: str, *, unless: Callable[[Path], bool] = lambda aside: False) -> bool:
    """Remove a base's files. Returns whether they are gone; unless: see staging.remove. Raises NotFound.

    Whether a job or a model still needs it is the caller's question.
    """
    if not is_content_id(base_id):
        raise NotFound(f"no base model {base_id!r:.60}")
    try:
        return staging.remove(volume.base_dir(base_id), unless=unless)
    except FileNotFoundError as err:
        raise NotFound(f"no base model {base_id!r:.60}") from err
