"""Cells as texts turned into what a table's network takes, in TensorFlow alone: the same as features.py does, for a SavedModel.

Cells are read as a file's are that says things plainly: numbers with a decimal point, moments as RFC 3339 has them. Every function
takes and gives tensors of (rows,) unless it says otherwise.
"""

import re
from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.tables.missing import MISSING
from worker.families.tables.cells import DATE_PARTS
from worker.families.tables.features import Features
from worker.families.tables.hashing import BUCKETS, MOST_CHARACTERS, TOKENS, UNPARTED

_UNPARTED = re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", UNPARTED)  # as RE2 writes it
_DATE = r"^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?)?(Z|[+-]\d{2}:?\d{2})?$"
_DAY_MINUTES = 24 * 60


def is_missing(cells: Any) -> Any:
    """bool: which say that there is no value. cells: string, stripped."""
    return tf.reduce_any(cells[..., None] == tf.constant(MISSING), axis=-1)


def numbers_of(cells: Any, missing: Any) -> Any:
    """float32, NaN where missing; true and false are 1 and 0. Raises InvalidArgumentError for what is no number."""
    lower = tf.strings.lower(cells)
    text = tf.where(missing, "nan", tf.where(lower == "true", "1", tf.where(lower == "false", "0", cells)))
    return tf.cast(tf.strings.to_number(text, tf.float64), tf.float32)


def places_of(features: Features) -> dict[str, Any]:
    """A table of each category column's known values, and the code of each. Whoever saves a function that uses them holds them."""
    return {
        name: tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(features.known[name] or ["\0"]), tf.range(2, max(1, len(features.known[name])) + 2)
            ),
            default_value=1,
        )
        for name in features.categories
    }


def codes_of(cells: Any, missing: Any, places: Any) -> Any:
    """int32: 0 missing, 1 never seen in training, from 2 on the known ones. places: of the column (places_of)."""
    found = places.lookup(cells)
    lower = places.lookup(tf.strings.lower(cells, encoding="utf-8"))
    plain = places.lookup(tf.strings.regex_replace(cells, r"^\+?(-?\d+)\.0*$", r"\1"))  # 39.0 for 39
    near = tf.where(lower > 1, lower, plain)
    return tf.where(found > 1, found, tf.where(missing, 0, near))


def date_parts_of(cells: Any, missing: Any) -> dict[str, Any]:
    """float32 of each part, NaN where missing, in UTC. Raises InvalidArgumentError for what is no date like 2020-01-31."""
    text = tf.where(missing, "1970-01-01", cells)
    plain = tf.strings.regex_full_match(text, _DATE)
    with tf.control_dependencies(
        [tf.debugging.Assert(tf.reduce_all(plain), ["no date like 2020-01-31", text[~plain]])]
    ):
        text = tf.identity(text)

    def part(number: int) -> Any:
        found = tf.strings.regex_replace(text, _DATE, rf"\{number}")
        return tf.strings.to_number(tf.where(found == "", "0", found), tf.int32)

    zone = tf.strings.regex_replace(text, _DATE, r"\7")
    digits = tf.strings.regex_replace(zone, "[^0-9]", "")
    zone_minutes = tf.strings.to_number(tf.where(digits == "", "0000", digits), tf.int32)
    zone_minutes = (zone_minutes // 100 * 60 + zone_minutes % 100) * tf.where(
        tf.strings.substr(zone, 0, 1) == "-", -1, 1
    )
    minutes = _days(part(1), part(2), part(3)) * _DAY_MINUTES + part(4) * 60 + part(5) - zone_minutes
    days = tf.math.floordiv(minutes, _DAY_MINUTES)
    year, month, day = _civil(days)
    gone = tf.cast(days - _days(year, tf.ones_like(year), tf.ones_like(year)) + 1, tf.float32)
    found = {
        "year": tf.cast(year, tf.float32) + gone / tf.constant(366.0),
        "month": month,
        "weekday": tf.math.floormod(days + 3, 7),  # 1970-01-01 was a Thursday
        "day": day,
        "hour": tf.math.floormod(minutes, _DAY_MINUTES) // 60,
    }
    return {name: tf.where(missing, np.nan, tf.cast(found[name], tf.float32)) for name in DATE_PARTS}


def _days(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970-01-01. Source: Hinnant 2013, chrono-compatible low-level date algorithms."""
    year = tf.where(month <= 2, year - 1, year)
    era = tf.math.floordiv(year, 400)
    of_era = year - era * 400
    of_year = (153 * (month + tf.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil(days: Any) -> tuple[Any, Any, Any]:
    """(year, month, day) of days since 1970-01-01."""
    days = days + 719_468
    era = tf.math.floordiv(days, 146_097)
    of_era = days - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + tf.where(shifted < 10, 3, -9)
    return year + era * 400 + tf.cast(month <= 2, tf.int32), month, of_year - (153 * shifted + 2) // 5 + 1


def tokens_of(cells: Any) -> Any:
    """int32 (rows, TOKENS), 0 beyond the end."""
    text = tf.strings.substr(cells, 0, MOST_CHARACTERS, unit="UTF8_CHAR")
    text = tf.strings.regex_replace(text, f"([{_UNPARTED}])", r" \1 ")
    text = tf.strings.regex_replace(text, rf"[^\p{{L}}\p{{N}}_{_UNPARTED}]+", " ")
    most = TOKENS // 2 + 1  # a word and its pair with the next one are two tokens
    words = tf.strings.split(tf.strings.lower(text, encoding="utf-8"))[:, :most].to_tensor("", shape=(None, most))
    first, following = words[:, :-1], words[:, 1:]
    pairs = tf.where(following != "", tf.strings.join([first, following], " "), "")
    tokens = tf.reshape(tf.stack([first, pairs], axis=2), (-1, TOKENS))
    hashed = 1 + tf.cast(_crc32(tf.reshape(tokens, [-1])), tf.int64) % (BUCKETS - 1)
    return tf.where(tokens == "", 0, tf.cast(tf.reshape(hashed, (-1, TOKENS)), tf.int32))


def _crc32(texts: Any) -> Any:
    """uint32: what zlib.crc32 gives of each text."""
    table = tf.constant(_crc_table())
    lengths = tf.strings.length(texts)
    most = tf.maximum(tf.reduce_max(lengths), 1)
    data = tf.cast(tf.io.decode_raw(texts, tf.uint8, fixed_length=most), tf.uint32)
    bits = tf.bitwise

    def further(place: Any, crc: Any) -> Any:
        index = tf.cast(bits.bitwise_and(bits.bitwise_xor(crc, data[:, place]), np.uint32(0xFF)), tf.int32)
        new = bits.bitwise_xor(tf.gather(table, index), bits.right_shift(crc, tf.cast(8, tf.uint32)))
        return place + 1, tf.where(place < lengths, new, crc)

    begin = tf.fill(tf.shape(texts), tf.constant(0xFFFFFFFF, tf.uint32))
    _, crc = tf.while_loop(lambda place, crc: place < most, further, (tf.constant(0), begin))
    return bits.invert(crc)


def _crc_table() -> np.ndarray:
    """uint32 (256,): what a byte adds. Source: ISO 3309, the polynomial of zlib."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(0xEDB88320), values >> 1)
    return values


def encode_cells(features: Features, cells: Any, places: dict[str, Any]) -> dict[str, Any]:
    """Arrays by kind as Features.encode() makes them. cells: string (rows, columns), columns as features.columns has them.

    places: as places_of() made them.
    """
    cells = tf.strings.regex_replace(tf.strings.regex_replace(cells, r"^[\s\pZ]+", ""), r"[\s\pZ]+$", "")
    columns = {name: cells[:, place] for place, name in enumerate(features.columns)}
    missing = {name: is_missing(column) for name, column in columns.items()}
    found: dict[str, Any] = {}
    if features.numbers:
        dates = {name: date_parts_of(columns[name], missing[name]) for name in features.dates}
        parts = [
            dates[name][part] if part else numbers_of(columns[name], missing[name]) for name, part in features.sources
        ]
        found["numbers"] = tf.stack(parts, axis=1)
    if features.categories:
        codes = [codes_of(columns[name], missing[name], places[name]) for name in features.categories]
        found["categories"] = tf.stack(codes, axis=1)
    if features.texts:
        texts = [tokens_of(tf.where(missing[name], "", columns[name])) for name in features.texts]
        found["texts"] = tf.stack(texts, axis=1)
    return found
