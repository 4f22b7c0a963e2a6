"""The report in a browser: headless Chromium opens it, clicks through it, and asks no network for anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.command import Command
from selenium.webdriver.support.select import Select

from support.report_events import HOSTILE, event, hostile_event, shadowed

CORP = "https://packages.corp.example/simple/"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
"""Returns, for each element that shows text of its own, contrast (WCAG 2) and text."""


@dataclass
class Browser:
    """A browser that shows the page."""

    driver: webdriver.Chrome
    page: Path

    def open(self, width: int = 1366, *, dark: bool = False, scripts: bool = True) -> Browser:
        """Show the page anew, on a screen of this width."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.log(kind)
        self.driver.get(self.page.as_uri())
        return self

    def run(self, script: str) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script)

    def rows(self) -> list[list[str]]:
        """The cells of the rows that are shown, as a reader sees them."""
        script = """return Array.from(document.querySelectorAll(".events tbody tr")).filter((row) => row.checkVisibility())
            .map((row) => Array.from(row.cells, (cell) => cell.innerText))"""
        found: list[list[str]] = self.run(script)
        return found

    def names(self) -> list[str]:
        """The projects of the rows that are shown."""
        return [row[2].split("\n")[0] for row in self.rows()]

    def shown(self) -> str:
        """What the page says about the number of rows."""
        return self.driver.find_element(By.ID, "shown").text

    def search(self, text: str) -> None:
        """Type into the search field, in the place of what is there."""
        field = self.driver.find_element(By.ID, "search")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Take what the browser has noted of this kind since the last time."""
        noted: list[dict[str, Any]] = self.driver.execute(Command.GET_LOG, {"type": kind})["value"]
        return noted

    def requests(self) -> list[str]:
        """The URLs that the browser has asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """What stands in the browser's console since the page was opened."""
        return [entry["message"] for entry in self.log("browser")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a log, part of which was written by an enemy."""
    folder = tmp_path_factory.mktemp("report")
    events = [
        *(shadowed("acme-core", time=f"2026-11-{day:02}T08:30:00.000Z", host=f"build-{day}") for day in range(1, 13)),
        *(
            event("dropped", "version-not-allowed", name=name, time=f"2026-11-{day:02}T09:00:00.000Z", index_asked=CORP)
            for day, name in enumerate(("numpy", "urllib3", "django"), start=2)
        ),
        event("would-refuse", "unclaimed-internal", name="forgotten", time="2026-11-05T10:00:00.000Z"),
        event("selected", None),
        *(hostile_event(text) | {"event": "refused", "time": "2026-11-06T10:00:00.000Z"} for text in HOSTILE),
    ]
    log, page = folder / "audit.jsonl", folder / "report.html"
    log.write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="ascii")
    command = [sys.executable, "-m", "indexguard", "report", "-o", str(page), str(log)]
    subprocess.run(command, check=True, capture_output=True)
    return page


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser of its own, with an empty profile."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    chromedriver = shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("missing: Chromium and its chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    for switch in (*_SWITCHES, *root, profile):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: webdriver.Chrome, page: Path) -> Browser:
    """The browser, with the page open in it."""
    return Browser(driver, page).open()


ALL = 12 + 3 + 1 + len(HOSTILE)


def test_page_asks_for_nothing(browser: Browser) -> None:
    assert len(browser.rows()) == ALL
    assert browser.requests() == [browser.page.as_uri()]
    assert browser.complaints() == []


def test_page_could_not_ask_for_anything(browser: Browser) -> None:
    # The address is that of nobody: what matters is that the browser does not try.
    browser.run("const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image);")
    (complaint,) = browser.complaints()
    assert "Content Security Policy" in complaint
    assert "http://127.0.0.1:9/x.png" in complaint


def test_script_of_an_enemy_does_not_run(browser: Browser) -> None:
    assert browser.driver.title.startswith("indexguard: ")
    assert browser.run("return document.querySelectorAll('img, iframe, script').length") == 1
    with pytest.raises(JavascriptException, match="TrustedScript"):
        browser.run("document.createElement('script').text = 'document.title = 1'")
    with pytest.raises(JavascriptException, match="TrustedHTML"):
        browser.run("document.body.innerHTML = '<img src=x onerror=document.title=1>'")


def test_search(browser: Browser) -> None:
    browser.search("NUMPY corp")
    assert browser.names() == ["numpy"]
    assert browser.shown() == f"1 of {ALL} shown"
    browser.search("no such thing")
    assert browser.rows() == []
    browser.search("")
    assert len(browser.rows()) == ALL


def test_search_for_what_an_enemy_wrote(browser: Browser) -> None:
    browser.search("<script>")
    assert len(browser.rows()) == 1
    assert "</script><script>" in browser.rows()[0][2]


def test_filter_and_search_narrow_together(browser: Browser) -> None:
    code = Select(browser.driver.find_element(By.ID, "filter"))
    code.select_by_value("version-not-allowed")
    assert sorted(browser.names()) == ["django", "numpy", "urllib3"]
    browser.search("django")
    assert browser.names() == ["django"]
    code.select_by_value("")
    assert browser.names() == ["django"]


def test_sort(browser: Browser) -> None:
    assert [row[0] for row in browser.rows()] == sorted((row[0] for row in browser.rows()), reverse=True)
    head = browser.driver.find_element(By.CSS_SELECTOR, "th.project")
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    ascending = browser.names()
    assert ascending == sorted(ascending)
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert browser.names() == sorted(ascending, reverse=True)
    assert browser.run("return document.querySelectorAll('[aria-sort]').length") == 1


def test_name_that_is_clicked_is_searched_for(browser: Browser) -> None:
    browser.driver.find_element(By.XPATH, "//ol//button[.='acme-core']").click()
    assert browser.names() == ["acme-core"] * 12
    assert browser.driver.switch_to.active_element.get_attribute("id") == "search"


def test_finding_opens(browser: Browser) -> None:
    browser.search("numpy")
    assert "indexes.corp.namespaces[0]" not in browser.rows()[0][5]
    browser.driver.find_element(By.CSS_SELECTOR, ".events tr:not([hidden]) summary").send_keys(Keys.ENTER)
    assert "indexes.corp.namespaces[0]" in browser.rows()[0][5]


def test_keyboard_reaches_table_and_controls(browser: Browser) -> None:
    webdriver.ActionChains(browser.driver).send_keys(Keys.TAB, Keys.ENTER).perform()
    assert browser.run("return location.hash") == "#findings"
    webdriver.ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    assert browser.driver.switch_to.active_element.get_attribute("id") == "search"


@pytest.mark.parametrize("dark", [False, True])
def test_switch_of_colours(browser: Browser, dark: bool) -> None:
    browser.open(dark=dark)
    ground = "return getComputedStyle(document.body).backgroundColor"
    button = browser.driver.find_element(By.ID, "theme")
    light, night = "rgb(245, 246, 248)", "rgb(16, 20, 24)"
    assert browser.run(ground) == (night if dark else light)
    assert button.get_attribute("aria-pressed") == str(dark).lower()
    button.click()
    assert browser.run(ground) == (light if dark else night)
    assert button.get_attribute("aria-pressed") == str(not dark).lower()
    button.click()
    assert browser.run(ground) == (night if dark else light)


@pytest.mark.parametrize("width", [1366, 800, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_contrast(browser: Browser, dark: bool, width: int) -> None:
    browser.open(width, dark=dark)
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
    found = browser.run(CONTRAST)
    assert len(found) > 10 * ALL
    assert [each for each in found if each[0] < 4.5] == []


@pytest.mark.parametrize("width", [360, 600, 800, 1366, 2560])
def test_page_is_never_wider_than_the_screen(browser: Browser, width: int) -> None:
    browser.open(width)
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
    assert browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_phone(browser: Browser) -> None:
    browser.open(360)
    wide = "return Array.from(document.querySelectorAll('.events td')).filter((cell) => cell.scrollWidth > 360).length"
    assert browser.run(wide) == 0
    Select(browser.driver.find_element(By.ID, "sort")).select_by_visible_text("Project")
    assert browser.names() == sorted(browser.names())
    assert len(browser.names()) == ALL


@pytest.mark.parametrize("width", [360, 1366])
def test_tables_are_tables_for_a_screen_reader(browser: Browser, width: int) -> None:
    browser.open(width)
    nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    # Events, indexes, and the machines that may have been open.
    assert roles.count("table") == 3
    assert roles.count("cell") > 6 * ALL
    for landmark in ("banner", "main", "contentinfo", "search"):
        assert roles.count(landmark) == 1


def test_without_scripts(browser: Browser) -> None:
    try:
        browser.open(scripts=False)
        driver = browser.driver
        visible = [row for row in driver.find_elements(By.CSS_SELECTOR, ".events tbody tr") if row.is_displayed()]
        assert len(visible) == ALL
        assert not driver.find_element(By.ID, "search").is_displayed()
        assert not driver.find_element(By.ID, "theme").is_displayed()
    finally:
        browser.open()


def test_print(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not browser.driver.find_element(By.ID, "search").is_displayed()
        assert len(browser.rows()) == ALL
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
