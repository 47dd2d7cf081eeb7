"""Server-sent events as the command line reads them."""

import io
import json

from cli.client import parse_events


def _read(text: str) -> list[dict]:
    return list(parse_events(io.BytesIO(text.encode())))


def test_an_event_is_read_with_its_id_and_comments_are_passed_over():
    event = {"type": "note", "data": {"message": "明月"}}
    text = f"retry: 2000\n\n: still here\n\nid: 5-0\nevent: note\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
    assert _read(text) == [{"id": "5-0", **event}]


def test_data_over_several_lines_is_one_event():
    assert _read('data: {"type":\r\ndata: "note"}\r\n\r\n') == [{"type": "note"}]


def test_an_event_cut_off_in_the_middle_is_not_shown():
    assert _read('id: 1-0\ndata: {"type": "note"}\n') == []
