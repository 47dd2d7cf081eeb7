"""Answers for a whole picture of any size, tile by tile: used by the service, and in the graph of models that are taken away.

Neighbouring tiles overlap by a quarter. There a tile's answer fades out as its neighbour's fades in, so that what a network
knows little about, the edge of its tile, does not show as a seam. One row of tiles is in memory at a time.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

_AT_ONCE = 4  # tiles that go through the network together
_OVERLAP = 4  # one in so many of a tile's sides


def tiled(
    answer: Callable[[Any], Any],
    picture: Any,
    tile: Sequence[int],
    values: int,
    finish: Callable[[Any], Any],
    *,
    finished: tuple[Any, int],
    scale: int = 1,
) -> Any:
    """Put the answers for tiles together: (scale * height, scale * width, finished values), or without the last where they are 0.

    answer: float32 (n, *tile, channels) to (n, scale * tile, values). picture: uint8 (height, width, channels), any size >= 1.
    finish: float32 (rows, values, columns), blended, to what is returned of them, `finished`: its type and values a pixel, 0 where
    it is (rows, columns). Outside of a graph it may raise from within answer(), which is called for a few tiles at a time.
    """
    overlap = [side // _OVERLAP for side in tile]
    steps = [side - over for side, over in zip(tile, overlap, strict=True)]
    height, width = tf.shape(picture)[0], tf.shape(picture)[1]
    down, across = (_tiles(side, steps[axis], overlap[axis]) for axis, side in enumerate((height, width)))
    rows = tf.minimum(tf.range(overlap[0] + down * steps[0]), height - 1)  # beyond the edge it is repeated
    columns = tf.minimum(tf.range(overlap[1] + across * steps[1]), width - 1)
    picture = tf.gather(tf.gather(picture, rows), columns, axis=1)
    places = tf.range(across)[:, None] * steps[1] + tf.range(tile[1])
    out = [side * scale for side in tile]
    kept, stepped = [over * scale for over in overlap], [step * scale for step in steps]
    fade_across = _fade(tf.range(across), across, out[1], kept[1])[:, None, :, None]

    def one_row(number: Any, carried: Any, done: Any) -> Any:
        band = picture[number * steps[0] : number * steps[0] + tile[0]]
        tiles = tf.transpose(tf.cast(tf.gather(band, places, axis=1), tf.float32), [1, 0, 2, 3])
        tiles = tf.ensure_shape(tiles, (None, *tile, picture.shape[-1]))
        answers = _answers(answer, tiles, across, (*out, values)) * fade_across
        joined = tf.signal.overlap_and_add(tf.transpose(answers, [1, 3, 0, 2]), stepped[1])  # (height, values, width)
        joined *= _fade(number[None], down, out[0], kept[0])[0][:, None, None]
        joined = tf.concat([joined[: kept[0]] + carried, joined[kept[0] :]], 0)
        return number + 1, joined[stepped[0] :], done.write(number, finish(joined[: stepped[0]]))

    kind, each = finished
    carried = tf.zeros([kept[0], values, tf.shape(columns)[0] * scale])
    shape = (stepped[0], None, each) if each else (stepped[0], None)
    done = tf.TensorArray(kind, down, element_shape=shape)
    _, carried, done = tf.while_loop(
        lambda number, *_: number < down,
        one_row,
        (tf.constant(0), carried, done),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([kept[0], values, None]), None),
        parallel_iterations=1,
    )
    return tf.concat([done.concat(), finish(carried)], 0)[: height * scale, : width * scale]


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


def _answers(answer: Callable[[Any], Any], tiles: Any, count: Any, shape: Sequence[int]) -> Any:
    """Answers for tiles, a few at a time: float32 (tiles, *shape)."""

    def some(start: Any, done: Any) -> Any:
        said = answer(tiles[start : start + _AT_ONCE])
        return start + _AT_ONCE, done.write(start // _AT_ONCE, tf.cast(said, tf.float32))

    done = tf.TensorArray(
        tf.float32, (count + _AT_ONCE - 1) // _AT_ONCE, infer_shape=False, element_shape=(None, *shape)
    )
    _, done = tf.while_loop(lambda start, _: start < count, some, (tf.constant(0), done), parallel_iterations=1)
    return done.concat()
