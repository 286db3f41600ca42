"""The operators' page in a real Chromium: it shows what the server pushes, says when that is old, and comes back by itself."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from console.serve.kafka_watch import KafkaView
from console.serve.lag import Behind
from console.serve.watching import Trouble
from console.serve.words import WORDS
from schemas.text import Text
from tests.console.serve.conftest import (
    PLAN,
    QUALITY,
    Serving,
    books,
    connector,
    figure,
    instance,
    kafka_view,
    ledger_view,
    worker,
)

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE = 15_000


def chromium(own: str) -> str | None:
    """CHROMIUM, else the system's, else playwright's own."""
    for name in (os.environ.get("CHROMIUM", ""), *_NAMES, own):
        if name and (path := shutil.which(name)):
            return path
    return None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = chromium(playwright.chromium.executable_path)
        if path is None:
            why = "no Chromium on this machine: run tests/browser.sh, or set CHROMIUM"
            if os.environ.get("CI"):
                pytest.fail(why)
            pytest.skip(why)
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=path, args=arguments)
        yield found
        found.close()


@pytest.fixture
def opened(browser: Browser, page_server: Serving) -> Iterator[Open]:
    """Opens the page; whatever the browser complains of, or asks from elsewhere, fails the test at its end."""
    wrong: list[str] = []
    contexts = []

    def visit(language: str = "en", width: int = 1366, height: int = 768, **more: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" and "ERR_CONNECTION" not in said.text
                and "ERR_INCOMPLETE" not in said.text else None)
        page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(page_server.url) else None)
        page.goto(f"{page_server.url}/?lang={language}", wait_until="domcontentloaded")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page_server() -> Iterator[Serving]:
    made = Serving()
    made.fill()
    made.start()
    yield made
    made.stop()


def text(page: Page, where: str) -> str:
    return page.locator(where).first.inner_text()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_an_operator_asks_for_is_on_the_page_in_both_languages(opened: Open, language: str) -> None:
    page = opened(language)
    said = [each.zh if language == "zh" else each.en for each in (
        Text("六安市", "Lu'an"), WORDS["volume"], WORDS["peaks"], WORDS["books"], WORDS["balanced"], WORDS["lanes"], WORDS["workers"],
        WORDS["connectors"], WORDS["quarantine"], WORDS["silent"], WORDS["state_halted"], WORDS["state_silent"], WORDS["no_silent"],
        Text("数据库拒绝登录", "the database refuses the login"), Text("核对口令文件", "correct the password file"),
        Text("卫生健康委", "Health Commission"), WORDS["duties"], WORDS["duty_replay"], WORDS["duty_off"], WORDS["duty_stop_line"],
        WORDS["duty_on"],
        Text("Kafka 键与由记录算出的键不同", "the Kafka key is not the key computed from the row"))]
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    shown = page.locator("body").inner_text()
    for words in [*said, "54,321", "4,321", "987", "66", "raw.health", "host-1", "health.people", "key_mismatch", "200 MB"]:
        assert words in shown, words
    assert page.locator("#chart rect.exchange").count() == 60
    assert page.title() == (WORDS["title"].zh if language == "zh" else WORDS["title"].en)


@pytest.mark.parametrize(("language", "said"), [
    ("zh", ["居民", "有效 ███████▁", "phone：", "整条：Kafka 键与由记录算出的键不同 129"]),
    ("en", ["resident", "valid ███████▁", "phone: ", "the event: the Kafka key is not the key"])])
def test_quality_tells_the_four_figures_their_records_their_trend_and_the_worst_reasons(
        opened: Open, page_server: Serving, language: str, said: list[str]) -> None:
    page = opened(language)
    row = page.locator("#quality tbody tr")
    expect(row).to_have_count(1)
    shown = row.inner_text()
    for words in [*said, "54,300", "100%", "97.00%", "1,629", "▼ -2.00"]:
        assert words in shown, (words, shown)
    assert row.locator("td").nth(5).inner_text() == "–", "nothing live came: nothing is said of its time"
    expect(row.locator("td.warn")).to_have_count(1)
    better = QUALITY.model_copy(update={"validity": figure(0, 54300, 0.99)})
    page_server.fill(ledger=replace(ledger_view(), quality=(better,), findings=()))
    expect(row).to_contain_text("▲ +1.00")
    expect(row.locator("td.warn")).to_have_count(0)
    page_server.fill(ledger=replace(ledger_view(), quality=(), findings=()))
    expect(page.locator("#quality .empty")).to_have_text(WORDS["no_quality"].zh if language == "zh" else WORDS["no_quality"].en)


def test_a_pushed_snapshot_changes_the_page_without_a_reload(opened: Open, page_server: Serving) -> None:
    page = opened()
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    page.evaluate("window.sameDocument = true")
    page_server.volume(2_000_000)
    expect(page.locator("[data-fill=exchange]")).to_have_text("2,000,000")
    page_server.board.kafka.show(KafkaView(PLAN, (worker(1),), (instance("health.people"),), (connector("health.people"),)))
    page_server.push()
    expect(page.locator("#attention li.well")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True


def test_the_language_is_switched_by_a_link(opened: Open) -> None:
    page = opened("zh")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#volume-title")).to_have_text("Exchanged today")


def test_what_was_never_heard_is_not_shown_as_nothing(opened: Open, page_server: Serving) -> None:
    page_server.board.ledger.view, page_server.board.ledger.as_of = None, 0.0
    page_server.board.ledger.trouble = Trouble(Text("账本不在", "the ledger is away"), Text("启动它", "start it"))
    page_server.push()
    page = opened()
    expect(page.locator("#attention li[data-code=ledger_away]")).to_contain_text("start it")
    expect(page.locator("#silent .age")).to_have_text("no figures yet")
    for where in ("#silent .empty", "[data-fill=exchange]", "#peaks", "#chart"):
        expect(page.locator(where)).not_to_be_visible()
    expect(page.locator("#workers tbody")).to_be_visible()


def test_old_figures_say_how_old_they_are(opened: Open, page_server: Serving) -> None:
    page = opened()
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    expect(page.locator("#books .age")).not_to_be_visible()
    page_server.board.ledger.trouble = Trouble(Text("账本不在", "the ledger is away"), Text("启动它", "start it"))
    page_server.push()
    expect(page.locator("#books .age")).to_contain_text("as of ")
    expect(page.locator("#books")).to_have_class("card old")
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    expect(page.locator("#origins [data-state=stale]")).to_contain_text("ledger")
    expect(page.locator("#workers")).not_to_have_class("panel old")


def test_a_server_that_goes_away_is_said_so_and_the_page_comes_back_by_itself(browser: Browser) -> None:
    first = Serving()
    first.fill()
    first.start()
    page = browser.new_page()
    page.set_default_timeout(_PATIENCE)
    page.goto(f"{first.url}/?lang=zh", wait_until="domcontentloaded")
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    expect(page.locator("#lost")).not_to_be_visible()
    first.stop()
    expect(page.locator("#lost")).to_contain_text("正在重连", timeout=_PATIENCE)
    expect(page.locator("#workers")).to_have_class("panel old")
    second = Serving(first.settings.bind[1])
    second.fill()
    second.volume(777)
    second.start()
    try:
        expect(page.locator("[data-fill=exchange]")).to_have_text("777", timeout=_PATIENCE)
        expect(page.locator("#lost")).not_to_be_visible()
    finally:
        page.close()
        second.stop()


def test_a_page_that_was_turned_away_tries_again(browser: Browser, page_server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.serve.feed.MOST", 0)
    page = browser.new_page()
    with page.expect_response(lambda answer: answer.url.endswith("/events") and answer.status == 503):
        page.goto(f"{page_server.url}/?lang=en", wait_until="domcontentloaded")
    monkeypatch.undo()
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642", timeout=_PATIENCE)
    page.close()


@pytest.mark.parametrize("width", [420, 1024, 1366, 1920, 2560])
def test_it_fits_every_screen_without_scrolling_sideways(opened: Open, width: int) -> None:
    page = opened("zh", width)
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_imbalanced_books_stand_out_with_the_line_that_differs(opened: Open, page_server: Serving) -> None:
    page_server.board.ledger.show(page_server.board.ledger.view.__class__(books=books("imbalanced")))  # type: ignore[union-attr]
    page_server.push()
    page = opened()
    expect(page.locator("#books .verdict")).to_have_text("imbalanced")
    expect(page.locator("#attention li").first).to_have_attribute("data-code", "books_imbalanced")


def test_it_has_landmarks_names_and_an_announcement_only_when_something_changes(opened: Open, page_server: Serving) -> None:
    page = opened()
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    for role in ("main", "banner", "contentinfo", "navigation"):
        assert page.get_by_role(role).count() == 1, role  # type: ignore[arg-type]
    assert page.get_by_role("heading", level=1).count() == 1
    unnamed = page.evaluate("""[...document.querySelectorAll('section, [role=region], svg[role=img], progress')]
        .filter((e) => !(e.getAttribute('aria-label') || document.getElementById(e.getAttribute('aria-labelledby')))).length""")
    assert unnamed == 0
    assert page.locator("thead th:not([scope=col])").count() == 0
    live = page.locator("#announce")
    expect(live).to_have_attribute("aria-live", "polite")
    page.evaluate("""window.said = 0;
        new MutationObserver(() => window.said++).observe(document.getElementById('announce'), {childList: true})""")
    for seconds in (71.0, 72.0, 73.0):
        late = Behind("raw.health", 2, 4321, seconds, "offsets")
        page_server.fill(kafka=replace(kafka_view(), lanes=(late,)))
        expect(page.locator("#attention [data-code=lane_behind]")).to_contain_text(f"by {seconds:.0f} s")
    assert page.evaluate("window.said") == 0
    page_server.fill(kafka=KafkaView(PLAN, (worker(1),)))
    expect(live).to_have_text("All is well: nothing needs attention")
    assert page.evaluate("window.said") == 1


CONTRAST = """() => {
  const light = (c) => { const v = c / 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const of = ([r, g, b]) => .2126 * light(r) + .7152 * light(g) + .0722 * light(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3]) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || ['SCRIPT', 'NOSCRIPT'].includes(e.tagName)) continue;
    const [a, b] = [of(parse(getComputedStyle(e).color)), of(ground(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 20)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_has_enough_contrast(opened: Open, page_server: Serving, scheme: str) -> None:
    page_server.fill(kafka=kafka_view())
    page = opened("zh", color_scheme=scheme)
    expect(page.locator("[data-fill=exchange]")).to_have_text("108,642")
    assert page.evaluate(CONTRAST) == []


def test_without_script_it_says_where_the_figures_are(opened: Open) -> None:
    page = opened("en", java_script_enabled=False)
    assert "The same figures: /snapshot (JSON)" in page.locator("body").inner_text()
