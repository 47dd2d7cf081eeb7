"""Every recipe this installation knows. Adding one: a spec here, its code in worker/recipes/<name>.py."""

from shared.errors import UnknownRecipe
from shared.recipes import (
    char_lstm,
    finetune_lm,
    forecaster,
    gpt,
    image_classifier,
    image_diffusion,
    image_gan,
    image_matcher,
    image_segmenter,
    image_text_matcher,
    image_to_image,
    image_vae,
    object_detector,
    question_answering,
    recommender_content,
    recommender_gnn,
    recommender_mf,
    recommender_sequence,
    seq2seq,
    style_transfer,
    tabular,
    text_classifier,
    text_matcher,
)
from shared.recipes.base import RecipeSpec

_SPECS = (
    gpt.SPEC,
    char_lstm.SPEC,
    finetune_lm.SPEC,
    image_classifier.SPEC,
    image_segmenter.SPEC,
    image_to_image.SPEC,
    image_vae.SPEC,
    image_matcher.SPEC,
    image_text_matcher.SPEC,
    object_detector.SPEC,
    image_diffusion.SPEC,
    image_gan.SPEC,
    style_transfer.SPEC,
    tabular.SPEC,
    text_classifier.SPEC,
    text_matcher.SPEC,
    seq2seq.SPEC,
    question_answering.SPEC,
    forecaster.SPEC,
    recommender_mf.SPEC,
    recommender_gnn.SPEC,
    recommender_content.SPEC,
    recommender_sequence.SPEC,
)
RECIPES: dict[str, RecipeSpec] = {spec.name: spec for spec in _SPECS}


def get_recipe(name: str) -> RecipeSpec:
    """Return a recipe's spec. Raises UnknownRecipe naming the known ones."""
    try:
        return RECIPES[name]
    except KeyError as err:
        raise UnknownRecipe(f"no recipe {name!r:.80}; known are {', '.join(RECIPES)}") from err
