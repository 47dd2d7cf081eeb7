"""Chats to fine-tune on in tests: what colour things have."""

import json


def tiny_chats(count: int = 40, *, pairs: bool = False) -> list[tuple[str, bytes]]:
    """What colour things have, some asked twice in one chat; of pairs the right answer is preferred."""
    colours = {"grass": "green", "snow": "white", "血": "red", "coal": "black", "the sky": "blue"}
    rows = []
    for number in range(count):
        thing, colour = list(colours.items())[number % 5]
        asked = {"role": "user", "content": f"{number}: what colour is {thing}?"}
        if pairs:
            rows.append({"prompt": asked["content"], "chosen": f"It is {colour}.", "rejected": "I do not know."})
            continue
        told = {"role": "assistant", "content": f"It is {colour}."}
        more = (
            [{"role": "user", "content": "Really?"}, {"role": "assistant", "content": f"Yes, {colour}."}]
            if number % 3 == 0
            else []
        )
        rows.append({"messages": [asked, told, *more]})
    return [("chats.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode())]
