"""Beam search over encoder-decoders, compiled: many sources at once, what has been read of them computed once.

Beams of a source stand side by side as if they were places: no key or value is copied when a beam goes on from another one.
Which of them belong to a beam says its line of ancestors. One beam is greedy decoding. Answers do not depend on what else is
decoded beside them, but for rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from worker.generation.decode.cache import put

_SMALLEST = 16  # tokens of sources, and of answers: below, one compiled size serves all
CHUNK = 32  # tokens between two looks at the host
ROWS = (1, 4, 16, 64)  # numbers of sources compiled; fewer are filled up to the next
_NEVER = -1e9


class Model(Protocol):
    """What is asked of a network: see worker/families/translating/network.py."""

    def begin(self, source: Any, beams: int, room: int) -> tuple[list[Any], list[Any]]: ...
    def step(
        self, tokens: Any, place: Any, memory: list[Any], state: list[Any], seen: Any, put: Any
    ) -> tuple[Any, Any, list[Any]]: ...
    def follow(self, state: list[Any], parents: Any) -> list[Any]: ...
    def widen(self, state: list[Any], more: int) -> list[Any]: ...


@dataclass(frozen=True)
class Search:
    """How answers are looked for. beams, no_repeat: compiled anew for other numbers; the others change nothing that is compiled.

    length_penalty: the sum of log-probabilities is divided by ((5 + tokens) / 6) to this power. coverage_penalty: times the sum,
    over tokens of the source, of the log of how much they have been looked at, 0.000001 to 1. Source: Wu et al. 2016,
    arXiv:1609.08144.
    no_repeat: n-grams of so many tokens come once; 0: any may come again (Paulus et al. 2017, arXiv:1705.04304). most: tokens of an
    answer.
    """

    beams: int = 4
    length_penalty: float = 0.6
    coverage_penalty: float = 0.0
    no_repeat: int = 0
    most: int = 128


@dataclass(frozen=True)
class Answers:
    """tokens: int32 (sources, beams, time), filled up with 0, without the one that ends. scores: float32 (sources, beams),
    best first, of what is not there less than NOTHING. ended: bool (sources, beams); an answer that has not was cut at its
    most tokens."""

    tokens: np.ndarray
    scores: np.ndarray
    ended: np.ndarray


NOTHING = _NEVER / 2


def _nothing() -> None:
    """Where nobody asks."""


class BeamEngine:
    """One per model. The model's variables are captured: later training changes what is decoded. jit: compile with XLA.

    begins, ends, fills: numbers of the tokens that begin, end and fill up a text.
    """

    def __init__(self, model: Model, *, begins: int, ends: int, fills: int, jit: bool = True):
        self._model, self._begins, self._ends, self._fills, self._jit = model, begins, ends, fills, jit
        self._compiled: dict[Any, Any] = {}

    def decode(
        self,
        sources: np.ndarray,
        search: Search,
        check: Callable[[], None] = _nothing,
        compiles: Callable[[], None] = _nothing,
    ) -> Answers:
        """sources: int32 (n, time), filled up. check: called now and then, may raise. compiles: called before what takes longer."""
        count, longest = sources.shape
        rows, size = next((some for some in ROWS if some >= count), count), _bucket(longest)
        padded = np.full((rows, size), self._fills, np.int32)
        padded[:count, :longest] = sources
        room = min(_bucket(search.most), 2 * _SMALLEST)
        settings = tf.constant([search.length_penalty, search.coverage_penalty], tf.float32)
        there = tf.constant(np.arange(rows) < count)
        key = (rows, size, search.beams)
        begin = self._made(
            ("begin", *key, room), lambda source, there: self._begin(source, there, search.beams, room), compiles
        )
        memory, loop = begin(tf.constant(padded), there)
        place = 0
        while place < search.most:
            check()
            if place == room:
                loop, room = self._widened(loop, room, search.beams), 2 * room
            until = min(search.most, room, place + CHUNK)
            go_on = self._made(("go on", *key, room, search.no_repeat), self._graph(search.no_repeat), compiles)
            place, done, *loop = go_on(settings, memory, tf.constant(place), tf.constant(until), loop)
            place = int(place)
            if bool(done):
                break
        return self._said(loop, settings, count)

    def best(self, source: Any, search: Search) -> tuple[Any, Any]:
        """The best answer to one source within any graph: int32 (written,), float32 (). source: int32 (1, time)."""
        memory, loop = self._begin(source, tf.constant([True]), search.beams, search.most)
        settings = tf.constant([search.length_penalty, search.coverage_penalty], tf.float32)
        graph = self._graph(search.no_repeat)
        place, _, *loop = graph(settings, memory, tf.constant(0), tf.constant(search.most), loop)
        _, _, tokens, logs, _, _, ended, scores, lengths, *_ = loop
        whole = scores[0, 0] > NOTHING
        length = tf.where(whole, lengths[0, 0], place)
        score = tf.where(whole, scores[0, 0], logs[0, 0] / _penalty(place, settings[0]))
        return tf.where(whole, ended[0, 0], tokens[0, 0])[:length], score

    def _made(self, key: Any, graph: Callable[..., Any], compiles: Callable[[], None]) -> Any:
        if key not in self._compiled:
            self._compiled[key] = tf.function(graph, jit_compile=self._jit, autograph=False)
            compiles()
        return self._compiled[key]

    def _begin(self, source: Any, there: Any, beams: int, room: int) -> tuple[list[Any], list[Any]]:
        """What is made of the sources once, and the loop's state: see _step."""
        memory, state = self._model.begin(source, beams, room)
        rows, size = source.shape
        tokens = tf.fill([rows, beams, room], self._fills)
        first = tf.tile(tf.constant([[0.0] + [_NEVER] * (beams - 1)]), [rows, 1])
        looked = tf.zeros([rows, beams, size])
        unknown = tf.fill([rows, beams], _NEVER)
        known = tf.not_equal(source, self._fills)
        last = tf.fill([rows, beams], self._begins)
        ancestors = tf.fill([rows, beams, room], -1)
        loop = [
            ~there,
            last,
            tokens,
            first,
            looked,
            ancestors,
            tokens,
            unknown,
            tf.zeros([rows, beams], tf.int32),
            *state,
        ]
        return [known, *memory], loop

    def _graph(self, no_repeat: int) -> Callable[..., Any]:
        def go_on(settings: Any, memory: Any, place: Any, until: Any, loop: Any) -> Any:
            def goes(place: Any, loop: Any) -> Any:
                return (place < until) & ~tf.reduce_all(loop[0])

            def body(place: Any, loop: Any) -> Any:
                return place + 1, self._step(place, settings, memory, loop, no_repeat)

            place, loop = tf.while_loop(goes, body, (place, loop), parallel_iterations=1)
            return (place, tf.reduce_all(loop[0]), *loop)

        return go_on

    def _step(self, place: Any, settings: Any, memory: list[Any], loop: list[Any], no_repeat: int) -> list[Any]:
        """One further token of every beam.

        loop: done (rows,), last tokens (rows, beams), tokens (rows, beams, room), their log-probabilities (rows, beams), how
        much each token of the source was looked at (rows, beams, S), ancestors (rows, beams, room); of answers that have ended
        the tokens, scores and lengths; and the model's state.
        """
        done, last, tokens, logs, looked, ancestors, ended, scores, lengths, *state = loop
        known, *memory = memory
        rows, beams, room = tokens.shape
        here: Any = tf.equal(tf.range(room), place)
        here, own = here[None, None], tf.range(beams)
        ancestors = tf.where(here, own[None, :, None], ancestors)
        seen = tf.reshape(tf.equal(tf.expand_dims(ancestors, -1), own), [rows, beams, room * beams])
        found, looks, state = self._model.step(
            last, place, memory, state, seen, lambda cache, value, first: put(cache, value, first, self._jit)
        )
        kinds = found.shape[-1]
        special = tf.range(kinds)
        never = (special == self._begins) | (special == self._fills)
        found = tf.where(never, _NEVER, tf.nn.log_softmax(found))
        if no_repeat:
            found = tf.where(self._repeats(tokens, place, no_repeat, kinds), _NEVER, found)
        looked = looked + looks
        best, chosen = tf.math.top_k(
            tf.reshape(logs[..., None] + found, [rows, beams * kinds]), min(2 * beams, beams * kinds)
        )
        parents, written = chosen // kinds, chosen % kinds
        ends = written == self._ends
        # An end counts among the best alone, as in fairseq: with one beam it is the likeliest token, or none.
        among = tf.range(best.shape[1]) < beams
        final = best / _penalty(place + 1, settings[0]) + settings[1] * tf.gather(
            _coverage(looked, known), parents, batch_dims=1
        )
        final = tf.where(ends & among & ~done[:, None] & (best > NOTHING), final, _NEVER)
        scores, places = tf.math.top_k(tf.concat([scores, final], 1), beams)
        gone_on = tf.gather(tokens, parents, batch_dims=1)
        ended = tf.gather(tf.concat([ended, gone_on], 1), places, batch_dims=1)
        lengths = tf.gather(tf.concat([lengths, tf.fill(tf.shape(parents), place)], 1), places, batch_dims=1)
        logs, going = tf.math.top_k(tf.where(ends, _NEVER, best), beams)
        parents = tf.gather(parents, going, batch_dims=1)
        last = tf.gather(written, going, batch_dims=1)
        tokens = tf.where(here, last[..., None], tf.gather(tokens, parents, batch_dims=1))
        looked, ancestors = (tf.gather(part, parents, batch_dims=1) for part in (looked, ancestors))
        state = self._model.follow(state, parents)
        done = done | (scores[:, -1] >= logs[:, 0] / _penalty(place + 2, settings[0]))
        return [done, last, tokens, logs, looked, ancestors, ended, scores, lengths, *state]

    def _repeats(self, tokens: Any, place: Any, n: int, kinds: int) -> Any:
        """bool (rows, beams, kinds): what would end a row of n tokens that is there already. place: how many tokens there are."""
        rows, beams, room = tokens.shape
        starts = tf.range(room)
        same = tf.fill([rows, beams, room], True)
        for i in range(n - 1):  # the newest n - 1 tokens against those from each place on
            newest = tf.gather(tokens, tf.maximum(place - (n - 1) + i, 0), axis=2)
            same &= tf.roll(tokens, -i, 2) == newest[..., None]
        same &= (starts + n - 1 < place) & (place >= n - 1)
        following = tf.where(same, tf.roll(tokens, -(n - 1), 2), self._fills)
        flat = tf.reshape(following, [rows * beams, room]) + tf.range(rows * beams)[:, None] * kinds
        hit = tf.scatter_nd(tf.reshape(flat, [-1, 1]), tf.ones([rows * beams * room], tf.int32), [rows * beams * kinds])
        return tf.reshape(hit > 0, [rows, beams, kinds])

    def _widened(self, loop: list[Any], room: int, beams: int) -> list[Any]:
        """The loop's state with twice the room."""
        done, last, tokens, logs, looked, ancestors, ended, scores, lengths, *state = loop
        wider = [[0, 0], [0, 0], [0, room]]
        tokens, ended = (tf.pad(part, wider, constant_values=self._fills) for part in (tokens, ended))
        ancestors = tf.pad(ancestors, wider, constant_values=-1)
        state = self._model.widen(state, room * beams)
        return [done, last, tokens, logs, looked, ancestors, ended, scores, lengths, *state]

    def _said(self, loop: list[Any], settings: Any, count: int) -> Answers:
        """Of sources without any answer that has ended those that were cut."""
        _, _, tokens, logs, _, _, ended, scores, lengths = (part.numpy()[:count] for part in loop[:9])
        cut = scores[:, 0] < NOTHING
        if cut.any():
            written = int((tokens != self._fills).sum(-1).max())
            penalty = float(_penalty(tf.constant(written), settings[0]))
            scores = np.where(cut[:, None], np.where(logs > NOTHING, logs / penalty, _NEVER), scores)
            ended = np.where(cut[:, None, None], tokens, ended)
            lengths = np.where(cut[:, None], written, lengths)
        size = max(int(lengths[scores > NOTHING].max(initial=0)), 1)
        return Answers(ended[:, :, :size], scores, np.broadcast_to(~cut[:, None], scores.shape).copy())


def _bucket(longest: int) -> int:
    size = _SMALLEST
    while size < longest:
        size *= 2
    return size


def _penalty(tokens: Any, power: Any) -> Any:
    return ((5.0 + tf.cast(tokens, tf.float32)) / 6.0) ** power


def _coverage(looked: Any, known: Any) -> Any:
    """float32 (rows, beams). looked: (rows, beams, S). known: bool (rows, S)."""
    logs = tf.math.log(tf.clip_by_value(looked, 1e-6, 1.0))
    return tf.reduce_sum(tf.where(known[:, None], logs, 0.0), -1)
