"""Model names: models/<model id>.json names one checkpoint of one job. A finished training's model has the job's own id."""

import contextlib
import os
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from shared.errors import NotFound
from shared.ids import is_id
from shared.jobs.job import CheckpointRef, InputRef, utc_now
from shared.jobs.pins import pin_for_model, unpin_model
from shared.volume.volume import Volume, staging


class VerdictInfo(BaseModel):
    """Whether a model is better than the best of its baselines: worker/verdict.py makes it, pages, terminal and API show it.

    sentence: for people. better: None when it may be chance. against: the baseline's name. difference: how much better the model
    is in the figure that the sentence names, with the ends of its 95 % interval; None where there were too few rows for one.
    """

    sentence: str
    better: bool | None
    against: str
    difference: float
    low: float | None
    high: float | None

    @property
    def word(self) -> str:
        """It in a word or two, where there is no room for the sentence."""
        return {True: "better", False: "worse", None: "not surely better"}[self.better]


class PrivacyInfo(BaseModel):
    """What a private training promises: worker/privacy.py makes it, pages, terminal and API show it.

    sentence: what epsilon means and what it does not; an epsilon is never shown without it. epsilon: spent in `steps`, at delta.
    noise_multiplier: standard deviation of the noise over example_clip_norm. clipped_share: of the rows' gradients, those cut
    to example_clip_norm, as last measured. rate: with which each of `rows` training rows joined a batch. cost: in quality,
    beside the same training without privacy; "" where that was not asked for.
    """

    sentence: str
    epsilon: float
    delta: float
    noise_multiplier: float
    example_clip_norm: float
    clipped_share: float | None = None
    rate: float
    steps: int
    rows: int
    cost: str = ""


class Model(BaseModel):
    """A name for one checkpoint, and what it was made of: enough for a model card when the job is long forgotten.

    metrics: measured on this very state, those of the final report included. criterion: the metric its recipe judges by, and its
    value where one was evaluated. params, inputs: of the training, inputs by role. split: examples by part. stages: what each stage
    ended with, where there was more than one. baselines: other answers to the same task, as name -> metrics. verdict: what came
    of the comparison with them, None where there was none. privacy: None of a training that was not private. cost: of the training,
    "steps" and "device_s". needs: those of the inputs that it cannot be built without, as its checkpoint names them: they stay as
    long as it does.
    """

    id: str
    name: str
    owner: str = "local"
    recipe: str
    recipe_version: int = 1
    checkpoint: CheckpointRef
    metrics: dict[str, float] = Field(default_factory=dict)
    criterion: str = ""
    value: float | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, InputRef] = Field(default_factory=dict)
    split: dict[str, int] = Field(default_factory=dict)
    stages: list[dict[str, float]] = Field(default_factory=list)
    baselines: dict[str, dict[str, float]] = Field(default_factory=dict)
    verdict: VerdictInfo | None = None
    privacy: PrivacyInfo | None = None
    cost: dict[str, float] = Field(default_factory=dict)
    needs: dict[str, InputRef] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=utc_now)


def save_model(volume: Volume, model: Model) -> None:
    """Write or replace a model's name, whole or not at all; what it is built upon is pinned first.

    Raises NotFound when that is gone, VolumeFull.
    """
    for ref in model.needs.values():
        if ref.checkpoint:
            with staging.full_is_said():
                pin_for_model(volume, ref.checkpoint, model.id)
    staging.write_json(volume.root / "models" / f"{model.id}.json", model.model_dump(mode="json"))


def get_model(volume: Volume, model_id: str) -> Model:
    """Raises NotFound."""
    found = staging.read_json(volume.root / "models" / f"{model_id}.json") if is_id(model_id) else None
    if found is None:
        raise NotFound(f"no model {model_id!r:.60}")
    try:
        return Model.model_validate(found)
    except ValidationError as err:
        raise NotFound(f"the file of model {model_id} is damaged") from err


def list_models(volume: Volume) -> list[Model]:
    """All models, newest first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(volume.root / "models"):
            with contextlib.suppress(NotFound):
                found.append(get_model(volume, name.removesuffix(".json")))
    return sorted(found, key=lambda model: model.created_at, reverse=True)


def models_from(volume: Volume, job_id: str) -> list[Model]:
    """All models that are checkpoints of a job, whoever made them."""
    return [model for model in list_models(volume) if model.checkpoint.job_id == job_id]


def models_upon(volume: Volume, *, job_id: str = "", dataset_id: str = "", base_id: str = "") -> list[Model]:
    """All models that cannot be built without a checkpoint of this job, this dataset, or this base model."""

    def needed(ref: InputRef) -> bool:
        of_job = bool(job_id) and ref.checkpoint is not None and ref.checkpoint.job_id == job_id
        of_base = bool(base_id) and ref.base_id == base_id
        return of_job or of_base or (bool(dataset_id) and ref.dataset_id == dataset_id)

    return [model for model in list_models(volume) if any(map(needed, model.needs.values()))]


def delete_model(volume: Volume, model_id: str) -> None:
    """Forget a name. Its checkpoint stays, until retention takes it. Raises NotFound."""
    model = get_model(volume, model_id)
    with contextlib.suppress(FileNotFoundError):
        (volume.root / "models" / f"{model_id}.json").unlink()
    for ref in (model.checkpoint, *(ref.checkpoint for ref in model.needs.values() if ref.checkpoint)):
        unpin_model(volume, ref, model_id)
