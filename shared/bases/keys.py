"""Reads the keys of a source's config one by one, so that every key is either used, known to change nothing, or refused by name."""

from typing import Any

from shared.bases.decoder import Rotary
from shared.errors import Problem

# Of Transformers' config.json: they say nothing of what a forward pass gives. Generation goes by generation_config.json.
_SILENT = """
_attn_implementation _attn_implementation_autoset _name_or_path add_cross_attention architectures attention_dropout
attn_pdrop bad_words_ids begin_suppress_tokens bos_token_id cache_implementation chunk_size_feed_forward
cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample dtype early_stopping embd_pdrop
encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty finetuning_task forced_bos_token_id
forced_eos_token_id gradient_checkpointing id2label initializer_range is_decoder is_encoder_decoder
keys_to_ignore_at_inference label2id length_penalty max_length min_length model_type no_repeat_ngram_size
num_beam_groups num_beams num_return_sequences output_attentions output_hidden_states output_scores pad_token_id
prefix problem_type pruned_heads remove_invalid_values repetition_penalty resid_pdrop return_dict
return_dict_in_generate sep_token_id summary_activation summary_first_dropout summary_proj_to_labels summary_type
summary_use_proj suppress_tokens task_specific_params temperature tf_legacy_loss tie_encoder_decoder tokenizer_class
top_k top_p torch_dtype torchscript transformers_version typical_p unsloth_version use_bfloat16 use_cache
is_llama_config n_ctx transformers.js_config
"""
SILENT = frozenset(_SILENT.split())
_WHAT_TO_DO = {
    "auto_map": "it names code to be run, which is never done here: import a model of a known family without it",
    "quantization_config": "its tensors are packed by a quantiser: import the original weights, or a GGUF file",
}


class Keys:
    """A config being read. problems: everything wrong, by key. where: the file's name, for problems."""

    def __init__(self, values: dict[str, Any], where: str):
        self.values, self.where = values, where
        self.problems: list[Problem] = []
        self._used: set[str] = set()

    def note(self, key: str, message: str) -> None:
        self.problems.append(Problem(field=key, message=message, file=self.where))

    def get(self, key: str) -> Any:
        """The value as it is, None where it is missing; known from now on."""
        self._used.add(key)
        return self.values.get(key)

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number above 0. Notes a problem and returns 1 for anything else, and where it is missing without a default."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
            wanted = "a whole number above 0"
            self.note(
                key, f"is missing; needed is {wanted}" if value is None else f"must be {wanted}, not {value!r:.40}"
            )
            return 1
        return value

    def number(self, key: str, default: float) -> float:
        """A number above 0, the default where there is none."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e30:
            self.note(key, f"must be a number above 0, not {value!r:.40}")
            return default
        return float(value)

    def cap(self, key: str, default: float | None) -> float | None:
        """A number above 0, or None for null; the default where the key is missing."""
        return self.number(key, 1.0) if self.get(key) is not None else (None if key in self.values else default)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            self.note(key, f"must be true or false, not {value!r:.40}")
        return default if value is None else bool(value)

    def word(self, key: str, default: str, known: dict[str, Any]) -> Any:
        """What `known` has under the word of a key; notes a word that it has not."""
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, str) or value not in known:
            self.note(key, f"{value!r:.40} is not known; known are {', '.join(known)}")
            return next(iter(known.values()))
        return known[value]

    def only(self, key: str, *right: Any) -> None:
        """A key that is known, but whose other values this network cannot follow."""
        value = self.get(key)
        if value is not None and value not in right:
            self.note(key, f"{value!r:.60} is not known; known is {' or '.join(map(repr, right))}")

    def silent(self, *names: str) -> None:
        """Keys that are known to change nothing here."""
        self._used.update(names)

    def windows(self, layers: int, window: int | None, default: list[bool]) -> tuple[int, ...]:
        """By layer, its window. window: where a layer has one. default: whether it has, where layer_types does not say."""
        types = self.get("layer_types")
        if types is None:
            narrow = default
        elif not isinstance(types, list) or len(types) != layers:
            self.note("layer_types", f"must name the kind of each of the {layers} layers")
            narrow = default
        else:
            for kind in dict.fromkeys(str(kind) for kind in types):
                if kind not in ("full_attention", "sliding_attention"):
                    self.note("layer_types", f"{kind!r:.40} is not known; known are full_attention, sliding_attention")
            narrow = [kind == "sliding_attention" for kind in types]
        return tuple((window or 0) if each else 0 for each in narrow)

    def rotary(self, theta: float, kind: str = "") -> Rotary:
        """Rotary positions as Transformers 4 (rope_theta, rope_scaling) or 5 (rope_parameters) has them.

        theta: where none is named. kind: of layers, where rope_parameters tells them apart ("full_attention").
        """
        theta = self.number("rope_theta", theta)
        named = "rope_parameters" if self.get("rope_parameters") is not None else "rope_scaling"
        given = self.get(named)
        if isinstance(given, dict) and kind and isinstance(given.get(kind), dict):
            given, named = given[kind], f"{named}.{kind}"
        if given is None:
            return Rotary(theta=theta)
        if not isinstance(given, dict):
            self.note(named, f"must be an object, not {given!r:.40}")
            return Rotary(theta=theta)
        return self._scaled(Keys(given, self.where), named, theta)

    def _scaled(self, given: "Keys", named: str, theta: float) -> Rotary:
        theta = given.number("rope_theta", theta)
        scaling = given.get("rope_type") or given.get("type") or "default"
        given.only("partial_rotary_factor", 1, 1.0)
        made: dict[str, Any] = {"theta": theta}
        if scaling == "linear":
            made |= {"scaling": "linear", "factor": given.number("factor", 1.0)}
        elif scaling == "llama3":
            made |= {
                "scaling": "llama3",
                "factor": given.number("factor", 1.0),
                "low": given.number("low_freq_factor", 1.0),
                "high": given.number("high_freq_factor", 4.0),
                "original": given.whole("original_max_position_embeddings"),
            }
        elif scaling != "default":
            self.note(f"{named}.rope_type", f"{scaling!r:.40} is not known; known are default, linear, llama3")
        given.unknown()
        self.problems += [p.model_copy(update={"field": f"{named}.{p.field}"}) for p in given.problems]
        return Rotary(**made)

    def unknown(self) -> None:
        """Note every key that nobody has asked for and that may change the result."""
        for key in sorted(self.values.keys() - self._used - SILENT):
            value = self.values[key]
            if value is None:
                continue
            message = _WHAT_TO_DO.get(
                key, f"is not known here, and may change what the model says (it is {value!r:.60})"
            )
            self.note(key, message)
