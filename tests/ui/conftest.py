"""A small study shown by a real MLflow server, and a headless Chromium that looks at it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from data.kth.demo import DemoConfig, render
from data.kth.prepare import PrepareConfig, prepare
from tune.tracking.run_tree import NODE

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
STUDY = "kth-paper"
SMALL = ["--models", "fernn-v1", "grnn", "--lrs", "1e-3", "--seeds", "0", "1", "--epochs", "4", "--batch-size", "32"]
SMALL += ["--set", "data.size=8", "--set", "model.hidden_channels=4", "--set", "model.embedding_channels=[4]"]
PROGRAMS = ("chromium", "chromedriver")
PACKAGES = "chromium chromium-driver"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTH, HEIGHT = 1600, 1000
PATIENCE = 30
"""Seconds until what a page should show is missing."""
TRANSIENT = (StaleElementReferenceException, ElementClickInterceptedException)
"""What is raised while a page is still being drawn."""


class Page:
    """The browser's window on one MLflow server."""

    def __init__(self, driver, url):
        self.driver, self.url = driver, url

    def open(self, route):
        """Load a page of the user interface anew; its state in local storage stays."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/#/{route}")

    def until(self, condition, what):
        """What the condition returns once that is true."""
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1, ignored_exceptions=TRANSIENT)
        with suppress(TimeoutException):
            return wait.until(lambda _: condition())
        self.driver.save_screenshot(SCREENSHOTS / "failed.png")
        pytest.fail(f"{self.driver.current_url} does not show {what}; see {SCREENSHOTS}/failed.png", pytrace=False)

    def all(self, xpath):
        """Every visible element, now."""
        return [found for found in self.driver.find_elements(By.XPATH, xpath) if found.is_displayed()]

    def see(self, xpath):
        """The first visible element, once there is one, scrolled into view."""
        found = self.until(lambda: self.all(xpath), xpath)[0]
        self.scroll(found, "nearest")
        return found

    def scroll_to(self, xpath, along):
        """Scroll a list that draws only a part of itself, by its entries, until an element is there."""
        self.until(lambda: self.all(xpath) or self.scroll(self.all(along)[-1], "start"), xpath)

    def scroll(self, element, block):
        """Bring the element into view: to the "start" of what scrolls, or the "nearest" way."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: arguments[1]})", element, block)

    def click(self, xpath):
        """Click the first visible element once nothing is in front of it."""
        self.until(lambda: self.see(xpath).click() or True, f"{xpath} to click")

    def see_image(self, name):
        """Wait until an image of that name is shown, with its pixels loaded."""
        image = self.see(f"//img[@alt={name!r}]")
        self.until(lambda: image.get_property("naturalWidth") > 0, f"the pixels of {name}")

    def curves(self, within="//body"):
        """The lines of the charts inside an element: y by x, by the line's name."""
        xpath = f"{within}//*[contains(@class, 'js-plotly-plot')]"
        script = "return arguments[0].data.map(line => [line.name, Array.from(line.x), Array.from(line.y)])"
        lines = [line for chart in self.all(xpath) for line in self.driver.execute_script(script, chart)]
        return {name: dict(zip(x, y, strict=True)) for name, x, y in lines}

    def save(self, name):
        """Keep a picture of the window, once it is the same twice: nothing moves or loads any more."""
        pictures = [b""]

        def still():
            pictures.append(self.driver.get_screenshot_as_png())
            return pictures[-1] == pictures[-2]

        self.until(still, "a picture at rest")
        (SCREENSHOTS / f"{name}.png").write_bytes(pictures[-1])


def program(name):
    """The path of an installed program; ends the whole run in one line where there is none."""
    if (path := shutil.which(name)) is None:
        pytest.exit(f"{name} is not on PATH; on Debian: apt-get install {PACKAGES}", returncode=1)
    return path


@pytest.fixture(scope="session")
def programs():
    """Chromium and its driver."""
    return [program(name) for name in PROGRAMS]


@pytest.fixture(scope="session")
def study(programs, tmp_path_factory):
    """A folder in which a small study was run, and its velocity generalization measured."""
    folder = tmp_path_factory.mktemp("study")
    render(DemoConfig(folder / "kth/videos", persons=22, ranges=1, frames=33))
    prepare(PrepareConfig(folder / "kth", folder / "kth/videos", size=8))
    command(folder, "kth_search.py", "--data", "kth", *SMALL)
    command(folder, "velocity_eval.py", "--study", STUDY, "--range", "1")
    return folder


def command(folder, script, *arguments):
    """Run one of the project's commands as a user does, to its end."""
    line = [sys.executable, ROOT / "tune" / script, *arguments]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def database(study):
    """MLflow's database of the study."""
    return f"sqlite:///{study}/studies/mlflow.db"


@pytest.fixture(scope="session")
def client(database):
    """What the pages must show."""
    return MlflowClient(database)


@pytest.fixture(scope="session")
def runs(client):
    """The study's runs by their names."""
    experiment = client.get_experiment_by_name(STUDY)
    found = client.search_runs([experiment.experiment_id], max_results=100)
    return {run.info.run_name: run for run in found if NODE in run.data.tags}


@pytest.fixture(scope="session")
def server(database, study):
    """The address of ``mlflow ui`` on the database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [Path(sys.executable).with_name("mlflow"), "ui", "--backend-store-uri", database, "--port", str(port)]
    with open(study / "server.log", "w") as log, serving(line, study, log) as process:
        url = f"http://127.0.0.1:{port}"
        WebDriverWait(process, 60, ignored_exceptions=[OSError]).until(lambda _: answers(process, url), "no server")
        yield url


@contextmanager
def serving(line, folder, log):
    """The process, which is ended with all that it started."""
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    options = {"cwd": folder, "env": quiet, "stdout": log, "stderr": log, "start_new_session": True}
    with subprocess.Popen([*line, "--workers", "1"], **options) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def answers(process, url):
    """Whether the server is ready; raises OSError while it is not."""
    assert process.poll() is None, "mlflow ui ended; see server.log in the study's folder"
    with urlopen(f"{url}/health", timeout=10) as reply:
        return reply.status == 200


@pytest.fixture(scope="session")
def driver(programs, tmp_path_factory):
    """Headless Chromium with an empty profile."""
    options, (options.binary_location, chromedriver) = ChromeOptions(), programs
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = Chrome(options, ChromeService(chromedriver))
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def page(server, driver):
    """The browser on MLflow's pages for model training, without the panels that cover them on a first visit."""
    SCREENSHOTS.mkdir(exist_ok=True)
    for old in SCREENSHOTS.glob("*.png"):
        old.unlink(missing_ok=True)
    page = Page(driver, server)
    page.open("experiments")
    page.click("//button[@aria-label='Close']")
    page.click("//*[@role='button'][normalize-space()='Model training']")
    return page
