"""The search command, and the one that manages studies."""

import shutil
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ["--models", "fernn-v1", "grnn", "--lrs", "1e-3", "--seeds", "0", "1", "--epochs", "4", "--batch-size", "32"]
SMALL += ["--set", "data.size=8", "--set", "model.hidden_channels=4", "--set", "model.embedding_channels=[4]"]


@pytest.fixture(scope="session", autouse=True)
def tables_made_once(tmp_path_factory):
    """MLflow takes seconds for the tables of a new SQLite file: an empty one that has them is copied instead."""
    from mlflow.store.db import utils
    from sqlalchemy import create_engine

    template, make = tmp_path_factory.mktemp("mlflow") / "empty.db", utils._initialize_tables

    def copied(engine):
        file = Path(engine.url.database or "")
        if engine.url.get_backend_name() != "sqlite" or (file.exists() and file.stat().st_size):
            return make(engine)
        if not template.exists():
            first = create_engine(f"sqlite:///{template}")
            make(first)
            first.dispose()
        engine.dispose()
        shutil.copyfile(template, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", copied)
        yield


@pytest.fixture
def search(prepared, tmp_path):
    """Starts ``tune/kth_search.py`` on the small data set, in a folder of the test's own."""

    def start(*arguments):
        command = [sys.executable, ROOT / "tune/kth_search.py", "--data", prepared, *SMALL, *arguments]
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    return start


@pytest.fixture
def command(tmp_path, without_ray, monkeypatch, capsys):
    """Runs the search in this process, ``without_ray``: its exit code and what it prints."""
    from tune import kth_search
    from tune.commands.search import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments, search=kth_search.SEARCH):
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["search.py", *map(str, arguments)])
        return main(search), capsys.readouterr()

    return run


@pytest.fixture
def manage(tmp_path, monkeypatch, capsys):
    """Runs ``tune/study.py`` in this process on the studies in the test's folder: exit code, output and errors."""
    from tune.study import main

    def run(*arguments):
        capsys.readouterr()
        storage = () if "--storage" in arguments else ("--storage", str(tmp_path))
        monkeypatch.setattr("sys.argv", ["study.py", *map(str, arguments), *storage])
        code, said = main(), capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def answering():
    """Starts a server on loopback that answers each path with a status and a text, 404 else, and tells where it is."""
    started = []

    def start(answers, tls=None):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, text = answers.get(self.path.partition("?")[0], (404, b"as nginx says it"))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):  # who speaks http where https is spoken, or the other way round
                pass

        started.append(Server(("127.0.0.1", 0), Handler))
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            started[-1].socket = context.wrap_socket(started[-1].socket, server_side=True)
        Thread(target=started[-1].serve_forever, daemon=True).start()
        return f"127.0.0.1:{started[-1].server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tls(tmp_path):
    """A file with a key and a certificate that nobody has signed."""
    from datetime import datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime.now() + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "server.pem"
    file.write_bytes(secret + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def few_digits(monkeypatch):
    """Demo digits of which there are few."""
    from data.mnist import demo

    monkeypatch.setattr(demo, "NUM_DIGITS", {"train": 40, "test": 20})


@pytest.fixture(scope="session")
def tuned(tmp_path_factory):
    """A finished study of tuned fields, which tests only read."""
    from tests.support.stored_study import tuned_study

    return tuned_study(tmp_path_factory.mktemp("tuned"))
