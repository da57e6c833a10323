"""The report's page from disk in a browser: phone and desktop, light and dark, and as a screen reader has it.

Leaves pictures in tests/ui/screenshots.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

pytestmark = [pytest.mark.ui, pytest.mark.timeout(600)]
STUDY, SCREENSHOTS = "kth-paper", Path(__file__).parent / "screenshots"
REPORT = Path(__file__).parents[2] / "tune/report.py"
PHONE, TABLET, DESKTOP, HEIGHT = 390, 800, 1400, 1000
WINDOW = 1600
"""Pixels: the width that other tests' windows have."""
LEAST_CONTRAST = 4.5
"""WCAG 2.2, AA, for text."""
CONTRAST = """
const channel = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 }
const light = text => { const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map(channel)
                        return 0.2126 * r + 0.7152 * g + 0.0722 * b }
const paper = light(getComputedStyle(document.body).backgroundColor)
return Array.from(document.querySelectorAll('h1, h2, p, li, th, td, caption, figcaption, figcaption b, a, .mark'))
  .map(one => { const ink = light(getComputedStyle(one).color)
                return [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), one.outerHTML.slice(0, 80)] })
"""
REGIONS = "return Array.from(document.querySelectorAll('[role=region]'))"
OUT_OF_REACH = """
const [region] = arguments, edge = region.getBoundingClientRect(), lost = []
for (const cell of region.querySelectorAll('tbody th, tbody td')) {
  if (getComputedStyle(cell).display === 'none') continue
  region.scrollLeft += cell.getBoundingClientRect().right - edge.right
  const box = cell.getBoundingClientRect()
  const text = document.createRange()
  text.selectNodeContents(cell)
  const right = text.getBoundingClientRect().right
  if (box.width < 20 || box.right > edge.right + 1 || right > edge.right + 1) lost.push(cell.textContent)
}
region.scrollLeft = 0
return lost
"""
"""The cells of a region that do not come into view when it is scrolled to them."""


@pytest.fixture(scope="module")
def report(study):
    """The address of the page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    subprocess.run([sys.executable, REPORT, "--study", STUDY], cwd=study, check=True, capture_output=True, timeout=240)
    return f"file://{study}/studies/{STUDY}/report/report.html"


@pytest.fixture
def opened(driver, report):
    """Opens the page in a window of that width, light or dark; afterwards the window is as it was."""

    driver.get_log("browser")  # of the pages before

    def open_page(width, scheme="light"):
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(report)
        return driver

    yield open_page
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    size = {"width": WINDOW, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_all_can_be_read(opened, width, scheme):
    driver = opened(width, scheme)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    pictures = driver.execute_script(
        "return Array.from(document.querySelectorAll('figure svg')).map(one => one.getBoundingClientRect())"
        ".map(box => [box.left, box.right, box.height])"
    )
    assert len(pictures) >= 6
    assert all(left >= 0 and right <= width and height > 80 for left, right, height in pictures)
    faint = [(ratio, text) for ratio, text in driver.execute_script(CONTRAST) if ratio < LEAST_CONTRAST]
    assert not faint
    name = f"report-{'phone' if width == PHONE else 'desktop'}-{scheme}"
    (SCREENSHOTS / f"{name}.png").write_bytes(driver.get_screenshot_as_png())


@pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP])
def test_every_column_of_every_table_can_be_reached(opened, width):
    driver = opened(width)
    regions = driver.execute_script(REGIONS)
    assert len(regions) >= 5
    for region in regions:
        assert region.accessible_name and region.get_attribute("tabindex") == "0"
        assert driver.execute_script(OUT_OF_REACH, region) == []
        overflow = driver.execute_script("return arguments[0].scrollWidth - arguments[0].clientWidth", region)
        assert not (overflow and width in (PHONE, DESKTOP))
        if overflow > 1:
            region.send_keys(Keys.ARROW_RIGHT)
            WebDriverWait(driver, 5).until(lambda _, one=region: one.get_property("scrollLeft") > 0)


def test_a_phone_shows_each_value_beside_its_column(opened):
    driver = opened(PHONE)
    shown = (
        "return Array.from(document.querySelectorAll('tbody td')).map(one => getComputedStyle(one, '::before').content)"
    )
    names = [text.strip('"') for text in driver.execute_script(shown)]
    assert {"learning rate", "test accuracy", "machine"} <= {name.partition('"')[0] for name in names}


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_screen_reader_has_names_for_pictures_and_headers_for_numbers(opened, width):
    driver = opened(width)
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {}
    for node in nodes:
        if not node.get("ignored"):
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    images = [name for role in ("image", "img") for name in named.get(role, [])]
    assert len(images) >= 6 and all(len(name) > 30 for name in images)
    assert "model" in named["columnheader"] and {"grnn", "fernn-v1"} <= set(named["rowheader"])
    assert all(named["table"]) and len(named["heading"]) >= 5


def test_it_asks_nothing_of_the_network(opened):
    driver = opened(DESKTOP)
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    logs = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert logs == []
