"""What serve answers to whom: every route, every header, whichever way it is asked. No Kafka: the board is filled by hand."""

import json
import re
from html.parser import HTMLParser

import pytest
from starlette.routing import Mount, Route

from console.serve.app import build_app
from console.serve.registry import registry_app
from console.serve.settings import ServeSettings
from console.serve.watching import Trouble
from schemas.text import Text
from tests.console.serve.conftest import Serving

ROUTES = ["/", "/healthz", "/readyz", "/metrics", "/snapshot", "/events", "/static"]
#: What only roles with their passwords may call.
CLOSED = ["/api/apply", "/api/lanes", "/registry"]
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'")


def test_these_are_all_routes_and_those_that_are_open_only_read(standing: Serving) -> None:
    app = build_app(standing.board, ("*",))
    routes = {route.path: route for route in app.routes if isinstance(route, Route | Mount)}
    assert set(routes) == {*ROUTES, *CLOSED}
    assert len(app.routes) == len(routes)
    for path in ROUTES:
        route = routes[path]
        assert isinstance(route, Mount) or route.methods == {"GET", "HEAD"}


def registry_routes(standing: Serving) -> list[tuple[str, str]]:
    app = registry_app(standing.board)
    return [(method, route.path) for route in app.routes if isinstance(route, Route) for method in sorted(route.methods or ())]


def test_no_route_of_the_registry_and_nothing_that_changes_the_plan_lets_anybody_in_without_a_password(standing: Serving) -> None:
    asked = [(method, "/registry" + re.sub(r"\{\w+\}", "1", path)) for method, path in registry_routes(standing)]
    assert len(asked) > 40
    for method, path in [*asked, ("POST", "/api/apply"), ("POST", "/api/lanes")]:
        for auth in (None, ("control", "a guess"), ("nobody", ""), ("../control", "")):
            answer = standing.http.request(method, path, json={}, auth=auth)
            assert answer.status_code == 401, (method, path, auth)
            assert answer.headers["www-authenticate"].startswith("Basic")
            if method != "HEAD" and not path.startswith("/api/"):
                assert answer.json()["error_code"] == 401


@pytest.mark.parametrize("path", [*ROUTES[:5], "/static/page.js", "/static/page.css", "/static/icon.svg", "/nowhere", "/static/nothing"])
def test_every_answer_carries_the_security_headers(standing: Serving, path: str) -> None:
    headers = standing.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ROUTES[:6])
def test_nothing_can_be_written(standing: Serving, method: str, path: str) -> None:
    assert standing.http.request(method, path).status_code == 405


def test_on_loopback_only_its_own_names_are_answered(standing: Serving) -> None:
    assert standing.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    for name in ("127.0.0.1", "localhost:8700", "localhost"):
        assert standing.get("/healthz", headers={"Host": name}).status_code == 200


def test_who_listens_wider_is_called_by_any_name_unless_told_which() -> None:
    assert ServeSettings(serve_address="0.0.0.0:8700").hosts == ("*",)
    assert ServeSettings(serve_address="0.0.0.0:8700", serve_hosts="bus.city, serve").hosts == ("bus.city", "serve")
    assert "*" not in ServeSettings().hosts
    assert ServeSettings().bind == ("127.0.0.1", 8700)


def test_static_files_stay_inside_their_directory(standing: Serving) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert standing.get(path).status_code == 404


@pytest.mark.parametrize(("query", "accepted", "shown"), [
    ("?lang=en", "zh-CN", "en"), ("?lang=zh", "en-GB", "zh-CN"), ("", "en-GB,en;q=0.9", "en"), ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
    ("?lang=xx", "fr, en", "en")])
def test_the_language_is_the_one_asked_for_else_the_browsers(standing: Serving, query: str, accepted: str, shown: str) -> None:
    html = standing.get(f"/{query}", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{shown}"' in html


def test_it_is_alive_before_anything_else_is(page: Serving) -> None:
    assert page.get("/healthz").text == "ok\n"
    answer = page.get("/readyz")
    assert answer.status_code == 503
    reason = answer.json()["reasons"][0]
    assert all(reason[part][language] for part in ("problem", "advice") for language in ("zh", "en"))
    shown = page.get("/snapshot").json()
    assert {origin["state"] for origin in shown["origins"]} == {"starting"}
    assert shown["volume"] is None


def test_it_is_ready_while_kafka_answers_with_or_without_the_ledger(page: Serving) -> None:
    page.fill()
    page.board.ledger.trouble = Trouble(Text("账本不在", "the ledger is away"), Text("启动它", "start it"))
    assert page.get("/readyz").json() == {"ready": True, "reasons": []}
    page.board.kafka.trouble = Trouble(Text("Kafka 不在", "Kafka is away"), Text("启动它", "start it"))
    assert page.get("/readyz").status_code == 503
    assert page.get("/readyz").json()["reasons"][0]["problem"] == {"zh": "Kafka 不在", "en": "Kafka is away"}


def test_a_view_that_nobody_renews_is_not_taken_for_fresh(page: Serving) -> None:
    page.fill()
    page.board.kafka.as_of -= 60
    assert page.get("/readyz").status_code == 503
    assert page.get("/snapshot").json()["origins"][0]["state"] == "stale"


def test_the_stream_gives_the_newest_snapshot_at_once_and_each_new_one(page: Serving) -> None:
    page.fill()
    seen: list[int] = []
    with page.http.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["volume"]["exchange"])
                if len(seen) == 3:
                    break
                page.volume(1000 + len(seen))
    assert seen == [108642, 1001, 1002]


class _Page(HTMLParser):
    """What in a page would need more than the policy allows."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in known and known.get("type") != "application/json"):
            self.wrong.append(tag)
        self.wrong += [name for name in known if name.startswith("on") or name == "style"]
        self.loaded += [value for name in ("src", "href") if tag in ("script", "link") and (value := known.get(name))]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline(standing: Serving, language: str) -> None:
    parsed = _Page()
    parsed.feed(standing.get(f"/?lang={language}").text)
    assert parsed.wrong == []
    assert parsed.loaded
    for path in parsed.loaded:
        assert path.startswith("/static/")
        assert standing.get(path).status_code == 200
