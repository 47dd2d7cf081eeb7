"""What a question asks for, by its words: who, when, how many. For figures of each kind."""

import re

# The first that is found counts: "how many" before "how", 为什么 before 什么.
_ENGLISH = {
    "how many, how much": r"\bhow (?:many|much)\b",
    "how": r"\bhow\b",
    "who": r"\bwho(?:m|se)?\b",
    "when": r"\bwhen\b|\b(?:what|which) (?:year|day|date|month|century|decade|time)\b",
    "where": r"\bwhere\b",
    "why": r"\bwhy\b",
    "which": r"\bwhich\b",
    "what": r"\bwhat\b",
}
_CHINESE = {
    "how many, how much": r"多少|几[个個年人次天种種]|有多",
    "why": r"为什么|為什麼|为何|為何",
    "when": r"何时|何時|什么时候|什麼時候|哪(?:一)?年|哪(?:一)?天|几月|哪个世纪",
    "who": r"谁|誰|何人|哪位",
    "where": r"哪里|哪裡|何处|何處|哪(?:个|個)?(?:国家|國家|城市|地方|州|省)",
    "how": r"怎么|怎麼|怎样|怎樣|如何",
    "which": r"哪",
    "what": r"什么|什麼|何",
}
OTHER = "other"
KINDS = (*_ENGLISH, OTHER)
_ALL = [{kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in some.items()} for some in (_ENGLISH, _CHINESE)]


def kind_of(question: str) -> str:
    """One of KINDS."""
    return next((kind for some in _ALL for kind, pattern in some.items() if pattern.search(question)), OTHER)
