"""A chat template: turns messages into the one text that a model reads. Called by the web before queueing, and by workers."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError

from shared.chats.sandbox import END, START, Refused, Sandbox
from shared.errors import cut

MOST_TEMPLATE = 256 * 1024  # characters
# A template that tells the day tells this one: the same training gives the same model whenever it is run.
DAY = datetime(2025, 1, 1)
CHATML = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.role == 'assistant' %}
{%- generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}
{%- else %}
{{- message.content + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
PLAIN = """\
{%- for message in messages %}
{%- if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}
{%- else %}{{ message.content }}{% endif %}
{%- endfor %}"""
OWN = {"chatml": CHATML, "plain": PLAIN}  # for bases that come without a template


class TemplateRefused(Exception):
    """A template cannot be used, or not for these messages. The message is for the user, without "the template" in front."""


class ChatTemplate:
    """A compiled template. special: bos_token, eos_token and so on, as texts. Safe to use from several threads.

    marks: whether it says itself what the assistant's answers are ({% generation %}).
    """

    def __init__(self, source: str, special: Mapping[str, str]):
        """Raises TemplateRefused."""
        if not source.strip():
            raise TemplateRefused("is empty")
        if len(source) > MOST_TEMPLATE:
            raise TemplateRefused(f"has {len(source):,} characters; at most {MOST_TEMPLATE:,} are taken")
        if START in source or END in source:
            raise TemplateRefused("holds control characters: is it a text?")
        self.source, self.special = source, dict(special)
        self._sandbox = Sandbox()
        self._lock = threading.Lock()
        try:
            self._template = self._sandbox.from_string(source)
        except TemplateSyntaxError as err:
            raise TemplateRefused(f"is no Jinja: line {err.lineno}: {cut(str(err.message), 200)}") from err
        except (Refused, TemplateError) as err:
            raise TemplateRefused(cut(str(err), 300)) from err
        except (RecursionError, SyntaxError, MemoryError) as err:
            raise TemplateRefused("is nested too deeply") from err
        self.marks = START in str(self._template.root_render_func.__code__.co_consts) or "generation %}" in source

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        prompt: bool = False,
    ) -> tuple[str, list[tuple[int, int]]]:
        """(the text, where in it the answers stand that the template marks). prompt: end with the beginning of an answer.

        Raises TemplateRefused in words: what it may not do, or why these messages do not suit it.
        """
        given = sum(len(str(message)) for message in messages) + sum(len(str(tool)) for tool in tools)
        with self._lock:
            self._sandbox.begin(given)
            pieces, length = [], 0
            try:
                for piece in self._template.generate(
                    messages=[dict(message) for message in messages],
                    tools=[dict(tool) for tool in tools] or None,
                    documents=None,
                    add_generation_prompt=prompt,
                    strftime_now=lambda form: DAY.strftime(str(form)[:100]),
                    **self.special,
                ):
                    length += len(piece)
                    if length > self._sandbox.most:
                        raise Refused(f"makes a text of more than {self._sandbox.most:,} characters")
                    pieces.append(piece)
            except SecurityError as err:
                raise TemplateRefused(f"reaches for what no template may: {cut(str(err), 200)}") from err
            except (Refused, TemplateError) as err:
                raise TemplateRefused(cut(str(err), 300)) from err
            except (RecursionError, MemoryError) as err:
                raise TemplateRefused("calls itself without end") from err
            except (TypeError, ValueError, KeyError, AttributeError, LookupError, ArithmeticError) as err:
                raise TemplateRefused(f"fails: {cut(str(err), 200)}") from err
        return _unmarked("".join(pieces))


def _unmarked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text without the marks of answers, and where these stood."""
    if START not in text and END not in text:
        return text, []
    found: list[tuple[int, int]] = []
    plain, began = "", None
    at = 0
    for place, character in enumerate(text):
        if character not in (START, END):
            continue
        plain += text[at:place]
        at = place + 1
        if character == START:
            began = len(plain)
        elif began is not None:
            found.append((began, len(plain)))
            began = None
    return plain + text[at:], found
