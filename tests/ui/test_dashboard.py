"""The live page in a browser: phone and desktop, light and dark, a study that grows, and an order given by a button.

Leaves pictures in tests/ui/screenshots.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.many_cells import half_done, many_cells, train
from tests.ui.test_report_page import CONTRAST, DESKTOP, HEIGHT, LEAST_CONTRAST
from tune.core.driver import driver_lock
from tune.core.orders import note_taken, read_orders

pytestmark = [pytest.mark.ui, pytest.mark.timeout(600)]
ROOT, SCREENSHOTS = Path(__file__).parents[2], Path(__file__).parent / "screenshots"
TOKEN = "the token of this test"
WIDTHS = {"phone": 390, "desktop": 1400}
PATIENCE = 60


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study on which a search works: this process holds it, and trains a cell."""
    study = half_done(tmp_path_factory.mktemp("live") / "kth-live")
    with driver_lock(study.folder):
        study.cell_folder(study.cells[13]).take_over()
        yield study


@pytest.fixture(scope="module")
def address(study):
    """The page of the study, from a server with a token."""
    line = [sys.executable, ROOT / "tune/dashboard.py", "--storage", Path(study.folder.root).parent, "--port", "0"]
    with subprocess.Popen([*line, "--token", TOKEN], stderr=subprocess.PIPE, text=True) as process:
        yield process.stderr.readline().split()[0]
        process.terminate()


@pytest.fixture
def opened(driver, address):
    """Opens the study's page in a window of that width, light or dark; afterwards the window is as it was."""

    def open_page(width, scheme="light", path="studies/kth-live"):
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
        resize(driver, width)
        driver.get(address + path)
        return driver

    SCREENSHOTS.mkdir(exist_ok=True)
    yield open_page
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    resize(driver, DESKTOP)


def resize(driver, width, height=HEIGHT):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def until(driver, script, *values):
    """What the script returns once that is true."""
    return WebDriverWait(driver, PATIENCE, poll_frequency=0.1).until(lambda _: driver.execute_script(script, *values))


DRAWN = "return document.querySelectorAll('.js-plotly-plot .main-svg').length >= 8"  # of three charts
TABLE = "return document.querySelector('#table tbody tr') !== null"
CURVES = "return JSON.stringify(document.querySelector('#curves .chart').data.map(line => line.y))"


def save(driver, name):
    """Keep a picture of the whole page."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return innerWidth")
    resize(driver, width, height)
    (SCREENSHOTS / f"dashboard-{name}.png").write_bytes(driver.get_screenshot_as_png())
    resize(driver, width)


@pytest.mark.parametrize("device", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_all_can_be_read(opened, device, scheme):
    driver = opened(WIDTHS[device], scheme)
    until(driver, DRAWN)
    until(driver, TABLE)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= WIDTHS[device]
    boxes = driver.execute_script(
        "return Array.from(document.querySelectorAll('.chart, input, button, .card'))"
        ".filter(one => !one.closest('.scroll') && one.offsetParent).map(one => one.getBoundingClientRect())"
        ".map(box => [box.left, box.right])"
    )
    assert len(boxes) > 15 and all(left >= 0 and right <= WIDTHS[device] for left, right in boxes)
    faint = [(ratio, text) for ratio, text in driver.execute_script(CONTRAST) if ratio < LEAST_CONTRAST]
    assert not faint
    save(driver, f"{device}-{scheme}")


def test_it_loads_nothing_from_elsewhere_and_breaks_no_rule_of_its_own(opened, address):
    driver = opened(1400)
    until(driver, DRAWN)
    loaded = driver.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert len(loaded) > 4 and all(name.startswith((address, "data:")) for name in loaded)
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_study_that_grows_is_followed_without_loading_it_anew(opened, study):
    driver = opened(1400)
    until(driver, DRAWN)
    before = driver.execute_script(CURVES)
    driver.execute_script("window.kept = true; performance.clearResourceTimings()")
    train(study, study.cells[13], 30)
    assert until(driver, f"{CURVES} !== arguments[0]", before)
    until(driver, "return document.querySelector('#cells').textContent.includes('30/40')")
    asked = "performance.getEntriesByType('resource').filter(one => one.name.includes('since='))"
    sizes = driver.execute_script(f"return {asked}.map(one => one.decodedBodySize)")
    assert driver.execute_script("return window.kept") and min(sizes) > 0 and max(sizes) < 4000


def test_a_button_gives_an_order_that_is_then_in_the_folder(opened, study):
    driver = opened(390)
    until(driver, DRAWN)
    press(driver, "wrong", "grnn_*", "pause")
    until(driver, "return document.querySelector('#answer').textContent.includes('not the token')")
    assert not read_orders(study.folder).entries
    press(driver, TOKEN, "grnn_*", "pause")
    until(driver, "return document.querySelector('#answer').textContent.startsWith('Given: pause grnn_*')")
    (order,) = read_orders(study.folder).entries
    assert (order.action, order.cells) == ("pause", "grnn_*")
    until(driver, "return document.querySelector('#orders').textContent.includes('pending')")
    note_taken(study.folder, order)
    until(driver, "return document.querySelector('#orders').textContent.includes('taken up after')")
    until(driver, "return document.querySelector('#counts').textContent.includes('paused')")


def press(driver, token, pattern, action):
    for name, text in (("token", token), ("pattern", pattern)):
        field = driver.find_element(By.ID, name)
        field.clear()
        field.send_keys(text)
    driver.execute_script("document.querySelector(`#order button[value=${arguments[0]}]`).click()", action)


def test_cells_are_found_by_status_and_name_and_opened_by_keyboard(opened):
    driver = opened(1400)
    until(driver, DRAWN)
    rows = "return [...document.querySelectorAll('#cells tbody tr')].map(row => row.children[1].textContent)"
    assert len(driver.execute_script(rows)) == 20
    driver.find_element(By.XPATH, "//div[@id='counts']//button[contains(., 'done')]").send_keys(Keys.ENTER)
    assert set(driver.execute_script(rows)) == {"done"}
    driver.find_element(By.ID, "filter").send_keys("fernn-v1 lr 0.0001 seed 0")
    assert len(driver.execute_script(rows)) == 1
    driver.find_element(By.CSS_SELECTOR, "#cells tbody button").send_keys(Keys.ENTER)
    until(driver, "return document.querySelector('#cell').open && document.querySelector('#cell .main-svg') !== null")
    save(driver, "cell")
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not driver.execute_script("return document.querySelector('#cell').open")


def test_a_damaged_cell_and_a_folder_that_is_no_study_are_named(opened, study):
    folder = study.cell_folder(study.cells[0]).folder
    whole = folder.read("done.json")
    (Path(study.folder.root).parent / "notes").mkdir()
    folder.write("done.json", b"{")
    driver = opened(1400)
    until(driver, "return document.querySelector('#failures').textContent.includes('done.json: it is not as it was')")
    folder.write("done.json", whole)
    opened(390, path="")
    until(driver, "return document.querySelector('#studies').textContent.includes('Not studies: notes')")
    until(driver, "return document.querySelector('#studies').textContent.includes('/ 20')")
    save(driver, "list")


def test_a_study_of_many_cells_is_shown_by_lines_of_models_and_a_part_of_the_list(opened, study):
    many_cells(Path(study.folder.root).parent / "many", 200)
    driver = opened(1400, path="studies/many")
    until(driver, DRAWN)
    until(driver, "return document.querySelector('#cells').textContent.includes('Show 100 of 100 more')")
    assert driver.execute_script("return document.querySelector('#curves .chart').data.length") == 2
    until(driver, "return document.querySelector('#importances .main-svg') !== null")
    save(driver, "many")
