"""A webhook on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "T0/B0/hunter2"
"""The part of its URL that nobody may see."""


class Receiver:
    """A webhook on loopback that answers with each of the codes in turn, then 200; None: it never answers."""

    def __init__(self):
        self.codes, self.heard, self.released = [], [], threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                code = receiver.codes.pop(0) if receiver.codes else 200
                if code is None:
                    receiver.released.wait()
                    return
                self.send_response(code)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
