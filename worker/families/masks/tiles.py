"""Classes of a whole picture of any size, tile by tile, in the graph: used by the service and by models that are taken away.

Neighbouring tiles overlap by a quarter. There a tile's probabilities fade out as its neighbour's fade in, so that what a network
knows little about, the edge of its tile, does not show as a seam. One row of tiles is in memory at a time.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

_AT_ONCE = 4  # tiles that go through the network together
_OVERLAP = 4  # one in so many of a tile's sides


def classes_of(logits_of: Callable[[Any], Any], picture: Any, tile: Sequence[int], classes: int) -> Any:
    """A class for each pixel: uint8 (height, width).

    logits_of: float32 (n, *tile, channels) to logits (n, *tile, classes). picture: uint8 (height, width, channels), any size >= 1.
    """
    overlap = [side // _OVERLAP for side in tile]
    steps = [side - over for side, over in zip(tile, overlap, strict=True)]
    height, width = tf.shape(picture)[0], tf.shape(picture)[1]
    down, across = (_tiles(side, steps[axis], overlap[axis]) for axis, side in enumerate((height, width)))
    rows = tf.minimum(tf.range(overlap[0] + down * steps[0]), height - 1)  # beyond the edge it is repeated
    columns = tf.minimum(tf.range(overlap[1] + across * steps[1]), width - 1)
    picture = tf.gather(tf.gather(picture, rows), columns, axis=1)
    places = tf.range(across)[:, None] * steps[1] + tf.range(tile[1])
    fade_across = _fade(tf.range(across), across, tile[1], overlap[1])[:, None, :, None]

    def one_row(number: Any, carried: Any, done: Any) -> Any:
        band = picture[number * steps[0] : number * steps[0] + tile[0]]
        tiles = tf.transpose(tf.gather(band, places, axis=1), [1, 0, 2, 3])
        tiles = tf.ensure_shape(tiles, (None, *tile, picture.shape[-1]))
        shares = _shares(logits_of, tiles, across, tile, classes) * fade_across
        joined = tf.signal.overlap_and_add(tf.transpose(shares, [1, 3, 0, 2]), steps[1])  # (height, classes, width)
        joined *= _fade(number[None], down, tile[0], overlap[0])[0][:, None, None]
        joined = tf.concat([joined[: overlap[0]] + carried, joined[overlap[0] :]], 0)
        return number + 1, joined[steps[0] :], done.write(number, _likeliest(joined[: steps[0]]))

    carried = tf.zeros([overlap[0], classes, tf.shape(columns)[0]])
    done = tf.TensorArray(tf.uint8, down, element_shape=(steps[0], None))
    _, carried, done = tf.while_loop(
        lambda number, *_: number < down,
        one_row,
        (tf.constant(0), carried, done),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([overlap[0], classes, None]), None),
        parallel_iterations=1,
    )
    return tf.concat([done.concat(), _likeliest(carried)], 0)[:height, :width]


def _tiles(side: Any, step: int, overlap: int) -> Any:
    """How many tiles cover a side."""
    return tf.maximum((side - overlap + step - 1) // step, 1)


def _fade(numbers: Any, count: Any, length: int, overlap: int) -> Any:
    """How much each place of these tiles counts, float32 (tiles, length): all tiles that cover a place sum to 1."""
    place = tf.range(length, dtype=tf.float32) + 0.5
    rising = tf.clip_by_value(place / max(overlap, 1), 0.0, 1.0)
    falling = tf.clip_by_value((length - place) / max(overlap, 1), 0.0, 1.0)
    first, last = numbers[:, None] == 0, numbers[:, None] == count - 1
    return tf.where(first, 1.0, rising) * tf.where(last, 1.0, falling)


def _shares(logits_of: Callable[[Any], Any], tiles: Any, count: Any, tile: Sequence[int], classes: int) -> Any:
    """Probabilities of tiles, a few at a time: float32 (tiles, *tile, classes)."""

    def some(start: Any, done: Any) -> Any:
        logits = logits_of(tf.cast(tiles[start : start + _AT_ONCE], tf.float32))
        return start + _AT_ONCE, done.write(start // _AT_ONCE, tf.nn.softmax(tf.cast(logits, tf.float32)))

    done = tf.TensorArray(
        tf.float32, (count + _AT_ONCE - 1) // _AT_ONCE, infer_shape=False, element_shape=(None, *tile, classes)
    )
    _, done = tf.while_loop(lambda start, _: start < count, some, (tf.constant(0), done), parallel_iterations=1)
    return done.concat()


def _likeliest(shares: Any) -> Any:
    return tf.cast(tf.argmax(shares, 1), tf.uint8)
