"""Requests made from the OpenAPI document, right ones and wrong ones: no 5xx, no status and no form it does not name."""

import os
import re
import traceback

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import positive_data_acceptance
from schemathesis.specs.openapi.checks import ignored_auth

# The document cannot say which ids there are, nor which of two fields a body needs: a well-formed body may be refused.
JUDGED_BY_WHAT_IS_THERE = re.compile(r"/(jobs|datasets|files|models|bases|keys|images)(/|$)")
OPEN = ("/healthz", "/readyz")  # to everybody, as probes must
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "20"))  # of each operation


@pytest.fixture(scope="module")
def document(target):
    def read_whole(environ, start_response):
        """The application with answers read to their end and closed, as a server does; schemathesis leaves files open."""
        answer = target.app(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            answer.close()

    return schemathesis.openapi.from_wsgi("/openapi.json", read_whole)


def attack(document, target, *, known):
    """Call every operation many times. known: with the ids of things that are there. Returns how many were called."""
    called, wrong = 0, []
    for result in document.get_all_operations():
        operation = result.ok()
        if known and (operation.method.upper() == "DELETE" or "{" not in operation.path):
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=SLOW)
        def run(case):
            case.headers["Authorization"] = target.call.headers["Authorization"]
            if known:
                case.path_parameters = {n: target.ids.get(n, v) for n, v in case.path_parameters.items()}
                case.query = {n: v for n, v in (case.query or {}).items() if n != "wait"}  # would wait, as it should
                case.headers = {n: v for n, v in case.headers.items() if n.lower() not in ("prefer", "accept")}
            excluded = [positive_data_acceptance] if known or JUDGED_BY_WHAT_IS_THERE.search(case.path) else []
            if case.path in OPEN:
                excluded.append(ignored_auth)
            case.call_and_validate(excluded_checks=excluded)

        try:
            run()
        except BaseExceptionGroup as err:
            whole = "".join(traceback.format_exception(err, chain=True))
            wrong.append(f"{operation.method.upper()} {operation.path}: {err}\n{whole[-4000:]}")
        called += 1
    assert not wrong, "\n\n".join(wrong)[:10_000]
    return called


def test_every_operation_answers_as_documented(document, target):
    assert attack(document, target, known=False) > 30


def test_every_operation_on_what_is_there_answers_as_documented(document, target):
    assert attack(document, target, known=True) > 12
