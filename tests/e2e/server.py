"""A running `hadal serve --scripted`, and requests to it with nothing but sockets and http.client."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from common import BUILTIN, HADAL

TOKENIZER = BUILTIN + "/tokenizer.json"
CHAT = {"model": "any", "messages": [{"role": "user", "content": "Hello!"}]}


def wait_until(condition, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Server:
    def __init__(self, folder: pathlib.Path, script: list | None, *args: str, tokenizer: str = TOKENIZER,
                 model: str = BUILTIN, tls=None, files: int | None = None):
        """Without a script it is the model that answers. `tls`: an ssl.SSLContext, to speak with it through TLS.
        `files`: how many it may have open."""
        self.tls = tls
        command = [HADAL, "serve", model, "-t", "1"]
        if script is not None:
            file = folder / "script.jsonl"
            file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in script), encoding="utf-8")
            command = [HADAL, "serve", tokenizer, "--scripted", str(file)]
        if files is not None:
            command = ["prlimit", f"--nofile={files}:{files}", *command]
        environment = {**os.environ, "XDG_DATA_HOME": str(folder)}
        self.process = subprocess.Popen([*command, "--port", "0", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=environment)
        url = self.process.stdout.readline().strip()
        if not url:
            raise RuntimeError(self.process.stderr.read())
        self.host, port = url.removeprefix("http://" if tls is None else "https://").rsplit(":", 1)
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def terminate(self, timeout: float = 30) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def cpu_seconds(self) -> float:
        """What the server has computed so far: unlike a clock, it does not count the company on the machine."""
        user, system = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def connect(self) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=120, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=120)

    def ask(self, method: str, path: str, body=None, headers: dict | None = None) -> tuple[int, dict, bytes]:
        """Status, headers (in lower case) and body."""
        connection = self.connect()
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, headers or {})
        answer = connection.getresponse()
        result = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return result

    def post(self, path: str, body, headers: dict | None = None) -> tuple[int, dict]:
        status, _, data = self.ask("POST", path, body, headers)
        return status, json.loads(data)

    def raw(self, data: bytes, timeout: float = 30) -> bytes:
        """All that comes back for these bytes until the server closes or falls silent."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as connection:
            connection.sendall(data)
            got = b""
            try:
                while piece := connection.recv(65536):
                    got += piece
            except (ConnectionError, TimeoutError):
                pass
            return got

    def metric(self, name: str) -> float:
        for line in self.ask("GET", "/metrics")[2].decode().splitlines():
            if line.split(" ")[0] == f"hadal_{name}":
                return float(line.split(" ")[1])
        return 0


def events_of(text: bytes) -> list[tuple[str, str]]:
    """(event, data) of a stream of server-sent events; comments are left out."""
    events = []
    for block in text.decode().split("\n\n"):
        name, data = "", []
        for line in block.splitlines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
        if data:
            events.append((name, "\n".join(data)))
    return events
