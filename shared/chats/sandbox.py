"""A Jinja2 in which a chat template that came with a model can do nothing but put texts together, in bounded time and space.

Stricter than Jinja's own sandbox: filters, methods and globals are those that chat templates need, and every loop, macro, filter
and operation that could grow a text is counted. No other template is read, and nothing of Python is reached.
Source: what Transformers gives a template (utils/chat_template_utils.py, Hugging Face, Apache-2.0).
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from shared.chats.bounds import bound_parts, grown, length_after

START, END = "\x02", "\x03"  # around what {% generation %} marks: no imported text holds them
MOST_STEPS = 200_000  # of a rendering: turns of loops, calls, and a step for each 64 characters touched
MOST_SECONDS = 3.0
_MORE = 1_000_000  # characters a template may make beside four times what it is given
_LONGEST_RANGE = 10_000
_LONGEST_NUMBER = 10**18
_STEP = 64  # characters

_FILTERS = (
    *(
        "abs",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "first",
        "float",
        "indent",
        "int",
        "items",
        "join",
        "last",
    ),
    *(
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "safe",
        "select",
    ),
    *("selectattr", "sort", "string", "title", "trim", "unique", "upper"),
)
_METHODS: dict[type, tuple[str, ...]] = {
    str: (
        *(
            "capitalize",
            "count",
            "endswith",
            "find",
            "index",
            "isalpha",
            "isdigit",
            "isspace",
            "isupper",
            "islower",
            "join",
        ),
        *(
            "lower",
            "lstrip",
            "replace",
            "rfind",
            "rsplit",
            "rstrip",
            "split",
            "splitlines",
            "startswith",
            "strip",
            "title",
            "upper",
        ),
    ),
    dict: ("get", "items", "keys", "values"),
    list: ("count", "index"),
    tuple: ("count", "index"),
}
_REFUSED = (nodes.Block, nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)


class Refused(Exception):
    """A template did what it may not, or said that a chat does not suit it. The message is for the user."""


class Generation(Extension):
    """{% generation %} ... {% endgeneration %}: what the assistant says, as Transformers' templates mark it."""

    tags = {"generation"}  # noqa: RUF012  as Jinja declares it

    def parse(self, parser: Any) -> list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        start, end = (nodes.Output([nodes.TemplateData(mark)], lineno=line) for mark in (START, END))
        return [start, *body, end]


class Sandbox(ImmutableSandboxedEnvironment):
    """One template's environment. Not for two threads at once: begin() sets the counters of a rendering."""

    intercepted_binops = frozenset(("+", "*", "%", "**"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[Generation, loopcontrols],
            optimized=False,
            cache_size=0,
            finalize=self.made,
        )
        self.filters = {name: self._counted(name, FILTERS[name]) for name in _FILTERS}
        self.filters["tojson"] = self._counted("tojson", _tojson)
        self.globals = {
            "range": self._range,
            "namespace": lambda *args, **kwargs: _Weighed(self, *args, **kwargs),
            "dict": lambda *args, **kwargs: self.made(dict(*args, **kwargs)),
            "raise_exception": _raise,
        }
        self.begin(0)

    def begin(self, characters: int) -> None:
        """Start counting anew. characters: how much the next rendering is given."""
        self._left = MOST_STEPS + characters
        self.most = _MORE + 4 * characters
        self._until = time.monotonic() + MOST_SECONDS

    def step(self, count: int = 1) -> str:
        """Take note of work done. Raises Refused when it is too much. Returns ""."""
        self._left -= count
        if self._left < 0 or time.monotonic() > self._until:
            raise Refused("loops without end, or far too long: a chat template puts a few texts together")
        return ""

    def concat_bounded(self, *parts: Any) -> str:
        """What `~` does."""
        texts = [str(self.made(part)) for part in parts]
        self._refuse_long(sum(map(len, texts)))
        return "".join(texts)

    def made(self, value: Any) -> Any:
        """Pass on a value that is no text once it is known that its text, and comparing it, have an end in sight.

        A list that holds one list twice, which holds another twice, and so on, would be written out for years.
        """
        if not isinstance(value, list | tuple | dict):
            return value
        waiting, characters = [value], 0
        while waiting:
            self.step()
            held = waiting.pop()
            if isinstance(held, dict):
                waiting += [*held.keys(), *held.values()]
            elif isinstance(held, list | tuple):
                waiting += held
            elif isinstance(held, Namespace):
                raise Refused("puts a namespace into something else")
            elif isinstance(held, str):
                characters += len(held)
        self._refuse_long(characters)
        return value

    def _refuse_long(self, length: int) -> None:
        if length > self.most:
            raise Refused(f"makes a text of more than {self.most:,} characters")
        self.step(1 + length // _STEP)

    # --- what Jinja asks ----------------------------------------------------------------------------------------------------

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Count the turns of every loop and the calls of every macro; `~` and what makes lists become bounded calls."""
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(_REFUSED):
            what = type(node).__name__.lower()
            raise Refused(f"line {node.lineno}: {what} reads other templates, of which there are none")
        for node in list(tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))):
            tick = nodes.Call(nodes.EnvironmentAttribute("step"), [], [], None, None, lineno=node.lineno)
            node.body.insert(0, nodes.ExprStmt(tick, lineno=node.lineno))
        bound_parts(tree)
        return tree

    def wrap_str_format(self, value: Any) -> None:
        """str.format is no method that a template has, as is_safe_attribute() says then."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, names in _METHODS.items():
            if isinstance(obj, kind):
                return attr in names
        return super().is_safe_attribute(obj, attr, value) and not attr.startswith("_")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise Refused(f"uses {operator!r}, which a chat template has no need of")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(other, int):
                    self._refuse_long(len(one) * max(other, 0))
        elif operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            self._refuse_long(len(left) + len(right))
        found = self.made(super().call_binop(context, operator, left, right))
        if isinstance(found, int) and abs(found) > _LONGEST_NUMBER:
            raise Refused("calculates with a number of more than 18 digits")
        return found

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            __self._before_method(owner, __obj.__name__, args)
        elif owner is not __self:
            __self.step()
        return super().call(__context, __obj, *args, **kwargs)

    def _before_method(self, text: str, name: str, args: tuple[Any, ...]) -> None:
        length = len(text)
        if name == "replace" and len(args) > 1:
            length += grown(text, *args[:2])
        elif name == "join" and args:
            parts = args[0] if isinstance(args[0], list | tuple | str) else ()
            length = sum(len(part) + len(text) for part in parts if isinstance(part, str))
        self._refuse_long(length)

    # --- filters and globals ------------------------------------------------------------------------------------------------

    def _counted(self, name: str, made: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that counts what it is given, and what it will make where that may be much longer."""
        passed = getattr(made, "jinja_pass_arg", None)
        before = 1 if passed else 0

        def counted(*args: Any, **kwargs: Any) -> Any:
            given = list(args)
            if len(given) > before:
                given[before] = value = self._sized(given[before])
                more = [part for part in (*given[before + 1 :], *kwargs.values()) if isinstance(part, str | int)]
                self._refuse_long(length_after(name, value, more))
            return made(*given, **kwargs)

        if passed:
            counted.jinja_pass_arg = passed  # pyright: ignore[reportFunctionMemberAccess]
        return counted

    def _sized(self, value: Any) -> Any:
        """A value whose length is known, and counted: what an earlier filter gives bit by bit is gathered."""
        if isinstance(value, Iterator):
            value = [item for item in value if not self.step()]
        if isinstance(value, range):
            self.step(len(value))
        return self.made(value)

    def _range(self, *args: int) -> range:
        found = range(*args)
        if len(found) > _LONGEST_RANGE:
            raise Refused(f"asks for a range of {len(found):,} numbers; at most {_LONGEST_RANGE:,} are given")
        return found


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """JSON as Transformers gives it to templates: not escaped for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: Any) -> Any:
    raise Refused(f"says: {str(message)[:300]}")


class _Weighed(Namespace):
    """A namespace that takes nothing whose text has no end."""

    def __init__(self, sandbox: Sandbox, *args: Any, **kwargs: Any):
        self.__weigh = sandbox.made
        super().__init__(*args, **kwargs)
        sandbox.made(list(dict(*args, **kwargs).values()))

    def __setitem__(self, name: str, value: Any) -> None:
        self.__weigh([value])
        super().__setitem__(name, value)

    def __getattribute__(self, name: str) -> Any:
        if name in ("_Weighed__weigh", "_Namespace__attrs"):
            return object.__getattribute__(self, name)
        return super().__getattribute__(name)
