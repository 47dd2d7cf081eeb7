"""Chat templates put texts together and do nothing else, within bounds; what the loss is taken on is found from what they do."""

import time
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from shared.chats.masking import mask
from shared.chats.template import CHATML, DAY, PLAIN, ChatTemplate, TemplateRefused
from shared.chats.tokens import Reader, Vocabulary, template_of, whole
from shared.datasets.chats.chat import Chat

HELLO = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"})
TWICE = (*HELLO, {"role": "user", "content": "And?"}, {"role": "assistant", "content": "Nothing."})
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}

UNMARKED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% if m['role'] == 'user' %}"
    "{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
FORGETFUL = (  # like Qwen3's: of older answers the thoughts are left out
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n"
    "{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def learnt(source, messages):
    masked = mask(ChatTemplate(source, SPECIAL), Chat(tuple(messages)))
    return [masked.text[start:end] for start, end in masked.spans], masked


@pytest.fixture(scope="module")
def vocabulary():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(
        ["Hello! Hi there"] * 9,
        trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    return Vocabulary(tokenizer, SPECIAL, tokenizer.token_to_id("</s>"), frozenset({1}))


# --- what is learnt -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "closing"), [(UNMARKED, "<|im_end|>"), (CHATML, "<|im_end|>"), (MISTRAL, "</s>"), (PLAIN, "")]
)
def test_the_loss_is_taken_on_answers_and_what_closes_them_alone(source, closing):
    found, masked = learnt(source, TWICE)
    assert [one.strip() for one in found] == [f"Hello!{closing}", f"Nothing.{closing}"]
    assert masked.untold == 0 and masked.ended == bool(closing)


def test_the_prompt_of_a_generation_is_what_stands_before_the_answer_in_training():
    template = ChatTemplate(UNMARKED, SPECIAL)
    masked = mask(template, Chat(HELLO))
    assert template.render(HELLO[:1], prompt=True)[0] == masked.text[: masked.spans[0][0]]


def test_older_answers_that_a_template_writes_otherwise_are_found_by_their_words():
    found, masked = learnt(FORGETFUL, TWICE)
    assert found == ["Hello!<|im_end|>", "<think>\n\n</think>\n\nNothing.<|im_end|>"]
    assert masked.untold == 0


def test_an_answer_that_cannot_be_told_is_counted_and_not_learnt():
    shouting = "{% for m in messages %}{{ loop.length }}{{ m.content | upper }};{% endfor %}"
    found, masked = learnt(shouting, TWICE)
    assert (found, masked.untold) == ([], 2)


def test_answers_of_weight_0_and_empty_ones_are_not_learnt():
    quiet = (HELLO[0], HELLO[1] | {"weight": 0}, *TWICE[2:])
    for source in (UNMARKED, CHATML):
        assert learnt(source, quiet)[0] == ["Nothing.<|im_end|>"]


def test_a_template_that_does_not_take_a_chat_says_why_in_its_own_words():
    with pytest.raises(TemplateRefused, match="says: Conversation roles must alternate"):
        learnt(MISTRAL, HELLO[1:])


# --- tokens ---------------------------------------------------------------------------------------------------------------


def test_tokens_are_learnt_where_their_text_is(vocabulary):
    row = Reader(vocabulary, ChatTemplate(UNMARKED, SPECIAL)).row(Chat(HELLO))
    pieces = [vocabulary.tokenizer.id_to_token(token) for token in row.tokens]
    assert [piece for piece, one in zip(pieces, row.learnt, strict=True) if one] == ["Hello", "!", "<|im_end|>"]
    assert row.count == 3 and (row.untold, row.cut, row.split) == (0, 0, 0)


def test_where_a_template_closes_no_answer_the_end_of_the_text_is_learnt(vocabulary):
    row = Reader(vocabulary, ChatTemplate(PLAIN, SPECIAL)).row(Chat(HELLO))
    assert row.tokens[-1] == vocabulary.end and row.learnt[-1] == 1


def test_a_row_is_never_cut_within_a_character(vocabulary):
    reader = Reader(vocabulary, ChatTemplate(PLAIN, SPECIAL))
    chat = Chat(({"role": "user", "content": "床前"}, {"role": "assistant", "content": "明月😀光"}))
    full = reader.row(chat)
    for most in range(1, len(full.tokens)):
        cut = reader.row(chat, most)
        assert len(cut.tokens) <= most and cut.cut == len(full.tokens) - len(cut.tokens)
        assert "\ufffd" not in vocabulary.tokenizer.decode(cut.tokens, skip_special_tokens=False)


def test_an_answer_that_begins_within_a_token_is_counted(vocabulary):
    glued = "{% for m in messages %}{% if m.role == 'user' %}H{% else %}{{ m.content }}{% endif %}{% endfor %}"
    chat = Chat(({"role": "user", "content": "?"}, {"role": "assistant", "content": "ello!"}))
    row = Reader(vocabulary, ChatTemplate(glued, SPECIAL)).row(chat)
    assert row.split == 1 and row.learnt[0] == 0


def test_a_cut_between_the_bytes_of_a_character_goes_back_to_its_beginning():
    places = [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]
    assert [whole(places, most) for most in range(1, 5)] == [1, 1, 1, 4]


def test_the_vocabulary_of_a_base_knows_where_texts_end(vocabulary, tmp_path):
    path = tmp_path / "tokenizer.json"
    vocabulary.tokenizer.save(str(path))
    found = Vocabulary.of(path, SimpleNamespace(bos="<s>", eos="</s>", pad="", ends=[3]))
    assert (found.end, found.ends) == (1, {1, 3})


def test_a_base_without_a_template_is_answered_with_those_that_can_be_chosen():
    with pytest.raises(TemplateRefused, match=r"came without one\. Choose chatml or plain"):
        template_of("base", "", SPECIAL)
    assert template_of("chatml", "", SPECIAL).marks


# --- what a template may not do ---------------------------------------------------------------------------------------------

_GROW = "{% set ns = namespace(x=['a']) %}{% for i in range(60) %}{% set ns.x = "


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "loops without end"),
        ("{% for i in range(10000000) %}{% endfor %}", "range of 10,000,000"),
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without end"),
        ("{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}", "calls itself without end"),
        ("{{ ''.__class__.__mro__ }}", "reaches for what no template may: access to attribute '__class__'"),
        ("{{ messages[0].__init__.__globals__ }}", "reaches for"),
        ("{{ messages.append(1) }}", "reaches for"),
        ("{{ '{:>1000000000}'.format(1) }}", "reaches for"),
        ("{{ 'a'.ljust(1000000000) }}", "reaches for"),
        ("{{ '%1000000000d' % 1 }}", "uses '%'"),
        ("{{ 2 ** 100000000 }}", "uses '**'"),
        ("{{ 'a' * 10000000000 }}", "more than 1,0"),
        ("{{ [1] * 10000000000 }}", "more than 1,0"),
        (_GROW.replace("['a']", "'a'") + "ns.x + ns.x %}{% endfor %}", "more than 1,0"),
        (_GROW.replace("['a']", "'a'") + "ns.x ~ ns.x %}{% endfor %}", "more than 1,0"),
        (_GROW + "[ns.x, ns.x] %}{% endfor %}{{ ns.x }}", "loops without end"),
        (_GROW + "(ns.x, ns.x) %}{% endfor %}{{ ns.x }}", "loops without end"),
        (_GROW + "{'a': ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x }}", "loops without end"),
        (_GROW + "dict(a=ns.x, b=ns.x) %}{% endfor %}{{ ns.x }}", "loops without end"),
        ("{% set a = namespace() %}{% set b = namespace() %}{% set a.b = b %}", "puts a namespace into"),
        ("{{ 'a'|replace('', 'b' * 9999)|replace('', 'b' * 9999) }}", "more than 1,0"),
        ("{{ 'a'.replace('', 'b' * 9999).replace('', 'b' * 9999) }}", "more than 1,0"),
        ("{{ ('x' * 9999) | indent(100000000) }}", "more than 1,0"),
        ("{{ range(9999)|map('string')|join('x' * 9999) }}", "more than 1,0"),
        ("{{ ('x' * 9999).join(('a,' * 999).split(',')) }}", "more than 1,0"),
        ("{{ [1, 2]|tojson(indent=1000000000) }}", "more than 1,0"),
        ("{% set ns = namespace(x=9) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}", "18 digits"),
        ("{% include 'x' %}", "include reads other templates"),
        ("{% block a %}{{ self.a() }}{% endblock %}", "block reads other templates"),
        ("{% for m in messages %}", "is no Jinja: line 1"),
        ("{{ messages|attr('__class__') }}", "No filter named 'attr'"),
        ("{{ lipsum(10000) }}", "'lipsum' is undefined"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
        ("{{ 1 // 0 }}", "fails: "),
        ("  ", "is empty"),
        ("a\x02b", "control characters"),
        ("a" * 300_000, "at most 262,144"),
    ],
)
def test_what_a_template_may_not_do_is_refused_in_words_and_in_time(source, said):
    began = time.monotonic()
    with pytest.raises(TemplateRefused) as refused:
        ChatTemplate(source, SPECIAL).render(HELLO)
    assert said in str(refused.value)
    assert time.monotonic() - began < 10


def test_what_templates_of_real_models_do_they_may():
    source = (
        "{%- set ns = namespace(system='', turn=0) -%}{%- set rest = messages[1:] if messages[0].role == 'x' else messages -%}"
        "{%- macro head(role, name=none) -%}{{ '<' ~ role ~ (':' ~ name if name else '') ~ '>' }}{%- endmacro -%}"
        "{%- for m in rest -%}{%- set ns.turn = ns.turn + 1 -%}{{ head(m['role']) }}"
        "{%- if m.content is string and 'x' not in m.content -%}"
        "{{ m.content.split('</think>')[-1].lstrip('\\n') | trim }}{%- endif -%}"
        "{%- if loop.last %}|{{ loop.index0 }}{% break %}{% endif -%}{%- endfor -%}"
        "{{ tools | tojson if tools else '' }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
        "{{ strftime_now('%d %b %Y') }}{{ messages | map(attribute='role') | join(',') }}{{ date_string is defined }}"
    )
    text, _ = ChatTemplate(source, SPECIAL).render(HELLO)
    assert text == f"<user>Hi<assistant>Hello!|11{DAY.strftime('%d %b %Y')}user,assistantFalse"


def test_long_chats_are_within_the_bounds():
    many = HELLO * 2000 + ({"role": "user", "content": "x" * 3_000_000}, HELLO[1])
    text, spans = ChatTemplate(CHATML, SPECIAL).render(many)
    assert len(spans) == 2001 and len(text) > 3_000_000
